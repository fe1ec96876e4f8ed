"""Fetches the emoji catalogue of ``emoji.yaml`` and ``emoji-subgroup.yaml``; needs npm and the network.

    python examples/fetch_emoji.py

writes ``runs/emoji/data``: 3,394 images of 64 x 64 pixels and ``catalogue.csv`` with the columns image, description,
label, subgroup and group. npm downloads 80 MB: the images of Google's Noto Emoji (Apache License 2.0) as
``emoji-datasource-google`` has them (MIT License), and the names and keywords of Unicode CLDR (Unicode License).
"""

from __future__ import annotations

import argparse
import csv
import json
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

IMAGES = "emoji-datasource-google@15.0.1"
ANNOTATIONS = "cldr-annotations-full@41.0.0"
# Names of emoji that are made of several characters, such as those with a skin tone.
DERIVED_ANNOTATIONS = "cldr-annotations-derived-full@41.0.0"

#: An object of ``emoji.json``.
Entry = Mapping[str, Any]

COLUMNS = ("image", "description", "label", "subgroup", "group")
# Flags, which Noto Emoji keeps apart from its own drawings, and the five squares of skin tones.
LEFT_OUT = ("country-flag", "subdivision-flag", "skin-tone")
# The character that asks for a coloured picture; whether a sequence has it makes no difference here.
EMOJI_STYLE = 0xFE0F
SKIN_TONES = {
    0x1F3FB: "light skin tone",
    0x1F3FC: "medium-light skin tone",
    0x1F3FD: "medium skin tone",
    0x1F3FE: "medium-dark skin tone",
    0x1F3FF: "dark skin tone",
}


def main() -> None:
    """Downloads the packages and writes the catalogue."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    default = Path(__file__).resolve().parents[1] / "runs" / "emoji" / "data"
    parser.add_argument("--output", type=Path, default=default, help="the folder to write (default: %(default)s)")
    output = parser.parse_args().output
    npm = shutil.which("npm")
    if npm is None:
        sys.exit("npm is not installed; on Debian and Ubuntu: apt-get install npm")
    with tempfile.TemporaryDirectory() as folder:
        packages = [unpack(npm, name, Path(folder)) for name in (IMAGES, ANNOTATIONS, DERIVED_ANNOTATIONS)]
        count = write_catalogue(*packages, output)
    sys.stdout.write(f"Written: {output / 'catalogue.csv'}, {count:,} rows\n")


def unpack(npm: str, package: str, folder: Path) -> Path:
    """Downloads a package of the npm registry, which checks it against its digest, and returns its folder."""
    target = folder / package
    target.mkdir()
    subprocess.run([npm, "pack", "--silent", package], cwd=target, check=True, stdout=subprocess.DEVNULL)
    (archive,) = target.glob("*.tgz")
    with tarfile.open(archive) as tar:
        tar.extractall(target, filter="data")
    return target / "package"


def write_catalogue(images: Path, annotations: Path, derived_annotations: Path, output: Path) -> int:
    """Writes images and catalogue from the unpacked packages; returns the number of rows."""
    emoji = json.loads((images / "emoji.json").read_text(encoding="utf-8"))
    texts = read_texts(derived_annotations, "annotationsDerived") | read_texts(annotations, "annotations")
    (output / "images").mkdir(parents=True, exist_ok=True)
    count = 0
    with (output / "catalogue.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        for entry, variant, points in variants(emoji):
            image = f"images/emoji_u{join(points)}.png"
            shutil.copyfile(images / "img" / "google" / "64" / variant["image"], output / image)
            text = texts.get(points) or fallback_text(entry, points)
            group = join([point for point in points if point not in SKIN_TONES])
            writer.writerow([image, text, entry["category"], entry["subcategory"], group])
            count += 1
    return count


def variants(emoji: Sequence[Entry]) -> Iterator[tuple[Entry, Entry, tuple[int, ...]]]:
    """Every emoji and then its variants by skin tone: the emoji, the variant, and the variant's characters."""
    for entry in sorted(emoji, key=lambda entry: entry["sort_order"]):
        if entry["subcategory"] in LEFT_OUT:
            continue
        for variant in (entry, *entry.get("skin_variations", {}).values()):
            points = (int(point, 16) for point in variant["unified"].split("-"))
            yield entry, variant, tuple(point for point in points if point != EMOJI_STYLE)


def read_texts(package: Path, section: str) -> dict[tuple[int, ...], str]:
    """The English name and keywords of each emoji, by its characters."""
    path = package / section / "en" / "annotations.json"
    annotations = json.loads(path.read_text(encoding="utf-8"))[section]["annotations"]
    texts = {}
    for characters, annotation in annotations.items():
        name = annotation["tts"][0]
        keywords = ", ".join(keyword for keyword in annotation.get("default", ()) if keyword != name)
        points = tuple(ord(character) for character in characters if ord(character) != EMOJI_STYLE)
        texts[points] = f"{name}. {keywords}"
    return texts


def fallback_text(entry: Entry, points: Sequence[int]) -> str:
    """The Unicode name of an emoji that is newer than the annotations."""
    tones = ", ".join(SKIN_TONES[point] for point in points if point in SKIN_TONES)
    name = str(entry["name"]).lower()
    return f"{name}: {tones}" if tones else name


def join(points: Sequence[int]) -> str:
    """Characters as Noto Emoji names its files, such as ``1f469_200d_1f680``."""
    return "_".join(f"{point:04x}" for point in points)


if __name__ == "__main__":
    main()
