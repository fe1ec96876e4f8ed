"""The recipes on packages of a few files, laid out as the real ones are."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

from PIL import Image

from benchmarks.defaults.recipes import RECIPES, Row
from tests.helpers import as_file, noise

SVG = '<svg xmlns="http://www.w3.org/2000/svg" width="24" height="12"><rect width="24" height="12" fill="red"/></svg>'


def _write(folder: Path, name: str, content: str | bytes | dict[str, Any] | list[Any]) -> None:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")


def _rows(name: str, *folders: Path) -> list[Row]:
    return list(RECIPES[name].rows(*folders))


def _texts(rows: list[Row]) -> list[tuple[str, str]]:
    return [(row.label, row.description) for row in rows]


def _item(number: int, name: str, **changes: Any) -> dict[str, Any]:
    icon = base64.b64encode(as_file(noise(number))).decode()
    flags = dict.fromkeys(("noted", "placeholder", "duplicate"), False)
    return {"id": number, "name": name, "icon": icon, "equipment": None, "examine": None, **flags, **changes}


def _write_items(folder: Path, *items: dict[str, Any]) -> None:
    _write(folder, "osrsbox/docs/items-complete.json", {str(item["id"]): item for item in items})


def test_text_of_a_creature_does_not_name_its_types(tmp_path: Path) -> None:
    entries = {"Red": {"en": "It lives in water."}, "Blue": {"de": "Ein Tier."}, "X": {"en": "It is shy."}}
    one = {"national_id": 7, "types": ["Water", "Ice"], "pokedex_entries": entries}
    other = {"national_id": 8, "types": ["Normal"], "pokedex_entries": {"Red": {"en": "A normal one."}}}
    _write(tmp_path, "package/data/pokemon.json", {"007": {"slug": {"eng": "a"}}, "008": {"slug": {"eng": "b"}}})
    for name in "ab":
        _write(tmp_path, f"package/pokemon-gen8/regular/{name}.png", as_file(noise(1)))
    pokedex = tmp_path / "pokedex"
    _write(pokedex, "package/data/pokemon.json", {"A": one, "B": other})
    assert _texts(_rows("creatures", tmp_path, pokedex)) == [("Water|Ice", "It is shy."), ("Normal", "")]


def test_items_are_labelled_by_a_word_that_many_share(tmp_path: Path) -> None:
    potions = [_item(number, f"Magic potion({number})") for number in range(20)]
    _write_items(tmp_path, *potions, _item(20, "Odd thing"))
    assert [(row.label, row.description) for row in _rows("items", tmp_path)] == [("potion", "")] * 20


def test_items_that_look_the_same_are_taken_once(tmp_path: Path) -> None:
    worn = {"equipment": {"slot": "cape"}}
    same = _item(1, "Cape", **worn)
    _write_items(tmp_path, same, {**same, "id": 2}, _item(3, "Cape", **worn, noted=True))
    assert [row.id for row in _rows("equipment", tmp_path)] == ["1"]


def test_text_of_equipment_does_not_name_its_place(tmp_path: Path) -> None:
    _write_items(tmp_path, _item(1, "Cape", equipment={"slot": "cape"}, examine="A red Cape, as capes are."))
    assert _texts(_rows("equipment", tmp_path)) == [("cape", "A red , as are.")]


def test_sign_of_a_meaning_is_taken_once(tmp_path: Path) -> None:
    for name in ("warning--bear-crossing--g1", "warning--bear-crossing--g2", "regulatory--stop--g1"):
        _write(tmp_path, f"package/package_signs/{name}.svg", SVG)
    rows = _rows("signs", tmp_path)
    assert _texts(rows) == [("regulatory", "stop"), ("warning", "bear crossing")]
    assert {row.image.size for row in rows} == {(128, 64)}
    assert [row.id for row in rows] == ["0001", "0002"]


def test_icons_have_their_categories_and_tags(tmp_path: Path) -> None:
    code = """{
    readonly name: "acorn";
    readonly categories: readonly [IconCategory.FINANCE, IconCategory.NATURE];
    readonly tags: readonly ["*new*", "nut", "food"];
}, {
    readonly name: "bed";
    readonly categories: readonly [IconCategory.OBJECTS];
    readonly tags: readonly ["sleep"];
}"""
    _write(tmp_path, "package/dist/icons.d.ts", code)
    for name in ("acorn", "bed"):
        _write(tmp_path, f"package/assets/duotone/{name}-duotone.svg", SVG)
    assert _texts(_rows("icons", tmp_path)) == [("finance|nature", "nut, food"), ("objects", "sleep")]


def test_openmoji_leaves_out_skin_tones_and_flags(tmp_path: Path) -> None:
    entry = {"skintone": "", "group": "food-drink", "annotation": "kiwi", "tags": "", "openmoji_tags": "fruit"}
    kinds = [{}, {"skintone": 5}, {"group": "flags"}]
    entries = [{**entry, "hexcode": str(number), **kind} for number, kind in enumerate(kinds)]
    _write(tmp_path, "package/data/openmoji.json", entries)
    _write(tmp_path, "package/color/svg/0.svg", SVG)
    assert _texts(_rows("openmoji", tmp_path)) == [("food-drink", "kiwi. fruit")]


def test_stamps_prefer_photographs_and_leave_out_symbols(tmp_path: Path) -> None:
    for name in ("animals/frog", "animals/fish/cod", "symbols/a", "animals/no-picture"):
        _write(tmp_path, f"usr/share/tuxpaint/stamps/{name}.txt", "A thing.\nde.utf8=Ein Ding.\n")
    _write(tmp_path, "usr/share/tuxpaint/stamps/animals/frog.png", as_file(Image.new("RGB", (5, 6))))
    for name in ("animals/frog", "animals/fish/cod", "symbols/a"):
        _write(tmp_path, f"usr/share/tuxpaint/stamps/{name}.svg", SVG)
    rows = _rows("stamps", tmp_path)
    assert _texts(rows) == [("animals", "A thing.")] * 2
    assert {row.image.size for row in rows} == {(5, 6), (128, 64)}
