"""Catalogues built from packages that ship pictures; no picture is kept in this repository."""

from __future__ import annotations

import base64
import io
import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import vl_convert
from PIL import Image

from benchmarks.defaults.packages import Package

_SVG_PIXELS = 128
# Joins the labels of a row that has several.
_SEPARATOR = "|"


@dataclass(frozen=True)
class Row:
    """A row of a catalogue; an empty description is a row without one."""

    id: str
    image: Image.Image
    label: str
    description: str = ""


@dataclass(frozen=True)
class Recipe:
    """How a catalogue is built.

    Attributes:
        about: what its pictures, texts and labels are, for the table of the documentation.
        packages: what is downloaded.
        rows: reads the rows from the folders of the unpacked packages, in the order of ``packages``.
    """

    about: str
    packages: Sequence[Package]
    rows: Callable[..., Iterator[Row]]


def _creatures(sprites: Path, pokedex: Path) -> Iterator[Row]:
    """Pokémon with their one or two types; the text is an entry of the Pokédex that does not name a type of theirs."""
    slugs = {
        int(number): entry["slug"]["eng"]
        for number, entry in _read_json(sprites / "package/data/pokemon.json").items()
        if number.isdigit()
    }
    for entry in _read_json(pokedex / "package/data/pokemon.json").values():
        number, types = entry["national_id"], entry["types"]
        texts = (text["en"] for text in entry["pokedex_entries"].values() if text.get("en"))
        text = next((text for text in texts if not any(word.lower() in text.lower() for word in types)), "")
        image = _open(sprites / f"package/pokemon-gen8/regular/{slugs[number]}.png")
        yield Row(slugs[number], image, _SEPARATOR.join(types), text)


def _game_items(osrsbox: Path) -> Iterator[tuple[Mapping[str, Any], Image.Image]]:
    """Items of Old School RuneScape that differ in their picture of 36 x 32 pixels."""
    seen = set()
    for item in _read_json(osrsbox / "osrsbox/docs/items-complete.json").values():
        icon = item["icon"]
        if icon and icon not in seen and not (item["noted"] or item["placeholder"] or item["duplicate"]):
            seen.add(icon)
            yield item, _open(io.BytesIO(base64.b64decode(icon)))


def _items(osrsbox: Path) -> Iterator[Row]:
    """Items by the last word of their name, where at least 20 share it; no text."""
    items = [(item, image, _last_word(item["name"])) for item, image in _game_items(osrsbox)]
    counts = Counter(word for _, _, word in items)
    for item, image, word in items:
        if word and counts[word] >= 20:
            yield Row(str(item["id"]), image, word)


def _equipment(osrsbox: Path) -> Iterator[Row]:
    """Items to wear or wield, by where; the text is what a player reads, without the word for the place."""
    for item, image in _game_items(osrsbox):
        if item["equipment"]:
            slot = item["equipment"]["slot"]
            text = re.sub(rf"\b{slot}s?\b", "", item["examine"] or "", flags=re.IGNORECASE)
            yield Row(str(item["id"]), image, slot, " ".join(text.split()))


def _signs(sprites: Path) -> Iterator[Row]:
    """One traffic sign of each meaning, by kind: warning, regulatory, information or complementary."""
    seen = set()
    for path in sorted((sprites / "package/package_signs").glob("*--*.svg")):
        kind, *meaning = path.stem.split("--")[:-1]
        if (name := "--".join((kind, *meaning))) not in seen:
            seen.add(name)
            yield Row(f"{len(seen):04}", _draw(path), kind, " ".join(meaning).replace("-", " "))


_ICON = re.compile(
    r'readonly name: "(?P<name>[^"]+)".*?readonly categories: readonly \[(?P<categories>[^\]]*)\]'
    r".*?readonly tags: readonly \[(?P<tags>[^\]]*)\]",
    re.DOTALL,
)


def _icons(phosphor: Path) -> Iterator[Row]:
    """Icons with their categories; the text is their tags."""
    for icon in _ICON.finditer((phosphor / "package/dist/icons.d.ts").read_text(encoding="utf-8")):
        categories = re.findall(r"IconCategory\.(\w+)", icon["categories"])
        tags = [tag for tag in re.findall(r'"([^"]+)"', icon["tags"]) if not tag.startswith("*")]
        image = _draw(phosphor / f"package/assets/duotone/{icon['name']}-duotone.svg")
        label = _SEPARATOR.join(category.lower() for category in categories)
        yield Row(icon["name"], image, label, ", ".join(tags))


def _openmoji(openmoji: Path) -> Iterator[Row]:
    """OpenMoji's drawings without variants by skin tone and without flags, by group."""
    for entry in _read_json(openmoji / "package/data/openmoji.json"):
        if entry["skintone"] or entry["group"] in ("flags", "component"):
            continue
        text = f"{entry['annotation']}. {entry['tags'] or entry['openmoji_tags']}"
        image = _draw(openmoji / f"package/color/svg/{entry['hexcode']}.svg")
        yield Row(entry["hexcode"], image, entry["group"], text)


def _stamps(tuxpaint: Path) -> Iterator[Row]:
    """Tux Paint's photographs, cut out, and drawings; the text is read to children who choose one."""
    root = tuxpaint / "usr/share/tuxpaint/stamps"
    for number, text in enumerate(sorted(root.rglob("*.txt"))):
        theme, *_ = text.relative_to(root).parts
        photograph, drawing = text.with_suffix(".png"), text.with_suffix(".svg")
        # Letters, digits and coins, which need no learning.
        if theme != "symbols" and (photograph.exists() or drawing.exists()):
            image = _open(photograph) if photograph.exists() else _draw(drawing)
            yield Row(f"{number:04}", image, theme, text.read_text(encoding="utf-8").splitlines()[0])


def _open(source: Path | io.BytesIO) -> Image.Image:
    with Image.open(source) as image:
        return image.convert("RGBA")


def _draw(path: Path) -> Image.Image:
    """The drawing of an SVG file, whose longer side becomes ``_SVG_PIXELS`` long."""
    source = path.read_text(encoding="utf-8")
    natural = _open(io.BytesIO(vl_convert.svg_to_png(source)))
    scale = _SVG_PIXELS / max(natural.size)
    return natural if scale == 1 else _open(io.BytesIO(vl_convert.svg_to_png(source, scale=scale)))


def _last_word(name: str) -> str:
    """The last word of an item's name, without what stands in brackets and the number of doses or charges."""
    words = re.findall(r"[a-z']+", re.sub(r"\(.*?\)|\d+$", "", name.lower()))
    return words[-1] if words else ""


def _read_json(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


_OSRSBOX = Package("PyPI", "osrsbox", "2.2.3", "1221bbabd8e8d36311a364b8f45ee4c643e9734db109b04d91997493cf1a2815")

RECIPES: Mapping[str, Recipe] = {
    "creatures": Recipe(
        "sprites of Pokémon, several labels; an entry of the Pokédex",
        (
            Package(
                "npm",
                "pokesprite-images",
                "2.7.0",
                "28f6190c6b70deb9a1856654104baf36f84ef552996a10a44652b2ad76d2850d",
            ),
            Package(
                "npm", "oakdex-pokedex", "0.4.5", "c9e0d789670e455279b90f81686e6792df9a79014ed67ac4c85224af8c67321d"
            ),
        ),
        _creatures,
    ),
    "icons": Recipe(
        "black icons, several labels; tags",
        (
            Package(
                "npm",
                "@phosphor-icons/core",
                "2.1.1",
                "313332be6190b724da24107addd781799b48bf76b13963f24501112ffe1baadd",
            ),
        ),
        _icons,
    ),
    "items": Recipe("pictures of a game's items, many labels; no text", (_OSRSBOX,), _items),
    "equipment": Recipe("pictures of a game's items; a sentence", (_OSRSBOX,), _equipment),
    "signs": Recipe(
        "drawn traffic signs; what they mean",
        (
            Package(
                "npm",
                "mapillary_sprite_source",
                "1.8.0",
                "6266c97de1746319b9437355c853384e1c7dfc1f06973c8c37a3704a8ca763da",
            ),
        ),
        _signs,
    ),
    "openmoji": Recipe(
        "drawn emoji; name and keywords",
        (Package("npm", "openmoji", "17.0.0", "55ee7d13485dec86e9f38c1f3a645a13382d33ff97c0cd845ee824b0aef45e68"),),
        _openmoji,
    ),
    "stamps": Recipe(
        "photographs and drawings of things; a sentence",
        (
            Package(
                "Debian",
                "tuxpaint-stamps-default",
                "2022.06.04-1",
                "6db6c1bfc870a47f1499d6203b083522eacb57c5f9c87d468f2e92eb6d9d5f34",
            ),
        ),
        _stamps,
    ),
}
