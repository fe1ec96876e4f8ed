"""What the image of the steps weighs: the packages of this environment that a run needs, the largest first."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from benchmarks.tools import make_parser, print_table

_SHOWN = 12
# What the Dockerfile removes.
_REMOVED = ("tensorflow/include/", "clang/")


def main() -> None:
    """Prints the table."""
    make_parser(__doc__).parse_args()
    sizes = {name: installed_bytes(package) / 1e6 for name, package in needed_packages().items()}
    total = sum(sizes.values())
    largest = sorted(sizes.items(), key=lambda item: -item[1])
    rows = [(name, size, size / total) for name, size in largest[:_SHOWN]]
    others = sum(size for _, size in largest[_SHOWN:])
    rows += [(f"{len(largest) - _SHOWN} others", others, others / total), ("all", total, 1.0)]
    print_table("Packages in the image", ("package", "MB", "share"), rows)


def needed_packages() -> dict[str, Distribution]:
    """The installed packages that Diptych needs without its extras, and those that they need in turn, by name."""
    found: dict[str, Distribution] = {}
    waiting = [("diptych", "")]
    seen = set(waiting)
    while waiting:
        name, extra = waiting.pop()
        try:
            found[name] = distribution(name)
        except PackageNotFoundError:
            continue
        for needed in set(_requirements(found[name], extra)) - seen:
            seen.add(needed)
            waiting.append(needed)
    return found


def installed_bytes(package: Distribution) -> int:
    """The size of a package's files, byte code included."""
    paths = (Path(str(package.locate_file(file))) for file in package.files or [] if not str(file).startswith(_REMOVED))
    return sum(path.stat().st_size for path in paths if path.exists())


def _requirements(package: Distribution, extra: str) -> Iterator[tuple[str, str]]:
    """The name of each package that a package needs with one of its extras, and each extra of it, or ``""``."""
    for text in package.requires or []:
        requirement = Requirement(text)
        if requirement.marker is None or requirement.marker.evaluate({"extra": extra}):
            for wanted in ("", *requirement.extras):
                yield canonicalize_name(requirement.name), wanted


if __name__ == "__main__":
    main()
