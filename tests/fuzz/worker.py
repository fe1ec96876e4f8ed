"""Fuzzes one target with atheris.

Exceptions are kept as finds, and the search goes on. A crash, a timeout or too much memory ends the process.
"""

from __future__ import annotations

import io
import pkgutil
import traceback
from collections.abc import Callable, Sequence
from contextlib import redirect_stderr
from importlib import import_module
from pathlib import Path

import atheris

from tests.fuzz.corpora import read_corpus, unpack

# Besides our own code, libraries in Python whose branches lead to more of it.
_INSTRUMENTED = ["diptych", "yaml", "PIL", "google.protobuf.json_format"]
# Its modules are otherwise imported when the first file of their kind is read.
_LAZY = "diptych.components.catalogue"

# Atheris prints the name of each module.
with redirect_stderr(io.StringIO()), atheris.instrument_imports(include=_INSTRUMENTED, enable_loader_override=False):
    from tests.fuzz.targets import TARGETS

    for _module in pkgutil.walk_packages(import_module(_LAZY).__path__, f"{_LAZY}."):
        import_module(_module.name)
    import_module(f"{_LAZY}.image_headers").openers()


def fuzz(name: str, folder: Path, flags: Sequence[str]) -> None:
    """Fuzzes a target until libFuzzer's flags say that it is enough, and ends the process.

    Args:
        folder: gets the folders ``seeds`` and ``finds``.
    """
    target = TARGETS[name]
    seeds = [*target.seeds(), *read_corpus(name)]
    unpack(seeds, folder / "seeds")
    words = folder / "words"
    # libFuzzer refuses a dictionary of no words.
    words.write_text("".join(f'"{_escaped(word)}"\n' for word in (*target.words, b"\0\0")), encoding="ascii")
    longest = max(map(len, seeds))
    atheris.Setup(
        [name, f"-dict={words}", f"-max_len={max(4096, longest)}", *flags],
        _keeping_finds(target.run, folder / "finds"),
    )
    atheris.Fuzz()


def _keeping_finds(run: Callable[[bytes], None], folder: Path) -> Callable[[bytes], None]:
    """The target, with each exception kept in a folder: its shortest input, and its traceback."""
    folder.mkdir(exist_ok=True)

    def keep(content: bytes) -> None:
        try:
            run(content)
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            path = folder / _place(error)
            if not path.exists() or len(content) < path.stat().st_size:
                path.write_bytes(content)
                path.with_suffix(".txt").write_text("".join(traceback.format_exception(error)), errors="replace")

    return keep


def _place(error: BaseException) -> str:
    """A name for all exceptions of one kind that come from the same line of our code."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if "/diptych/" in frame.filename or "/catalogue/" in frame.filename]
    frame = (ours or frames)[-1]
    return f"{type(error).__name__}-{Path(frame.filename).stem}-{frame.lineno}"


def _escaped(word: bytes) -> str:
    return "".join(f"\\x{byte:02x}" for byte in word)
