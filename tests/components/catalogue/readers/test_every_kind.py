"""One catalogue gives the same rows, whatever kind it is written as."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from diptych.components.catalogue.catalogue import Catalogue
from diptych.components.catalogue.readers import rows
from diptych.components.catalogue.readers.written_lists import is_written_list
from diptych.components.catalogue.storage import read_file, resolve_below, write_stream
from tests.catalogue_kinds import KINDS, Item, write_kind


def read_items(catalogue: Catalogue, folder: str) -> list[tuple[str, str, str, str | None, bytes]]:
    """Id, description, label, group and image of every row, sorted."""
    found = []
    for chunk in catalogue.chunks(folder):
        root = catalogue.images_root(chunk.source)
        for row in catalogue.read(chunk):
            assert row.problem is None
            content = row.content
            if content is None:
                content = read_file(resolve_below(root, row.image), catalogue.data.fetch, 10**6)
            found.append((row.id, row.description, *row.labels, row.group, content))
    return sorted(found)


# CSV has no NUL: Python 3.10 cannot write it.
_TEXTS = st.text(st.characters(blacklist_characters="\0", blacklist_categories=["Cs"]), max_size=30)
_WORDS = _TEXTS.map(str.strip).filter(bool)
# In a table of text, the label 1.0 is 1, and what looks like a list is one, or refused.
_LABELS = _WORDS.filter(lambda text: not (text.endswith(".0") or is_written_list(text)))


def as_xml(text: str) -> str:
    """What a cell of a spreadsheet can hold of a text: XML has no control characters, and ODS no spaces in a row."""
    printable = "".join(character if character.isprintable() else "x" for character in text)
    return " ".join(printable.split()) or "x"


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=15, deadline=None)
@given(
    texts=st.lists(
        st.tuples(
            st.text(st.characters(blacklist_characters="\0", blacklist_categories=["Cs"]), min_size=1),
            _TEXTS,
            _LABELS,
            _WORDS,
            st.binary(min_size=1, max_size=99),
        ),
        min_size=1,
        max_size=7,
        unique_by=lambda fields: fields[0],
    )
)
def test_every_kind_gives_the_rows_that_went_in(
    tmp_path_factory: pytest.TempPathFactory, kind: str, texts: list[tuple[str, str, str, str, bytes]]
) -> None:
    if kind in ("xlsx", "ods"):
        texts = [(f"{n} {id}", *rest) for n, (id, *rest) in enumerate(texts)]
        texts = [(*map(as_xml, row[:4]), row[4]) for row in texts]
    items = [
        Item(id, f"{number:03d}.png", image, description, label, group)
        for number, (id, description, label, group, image) in enumerate(texts)
    ]
    folder = tmp_path_factory.mktemp("kind")
    catalogue = Catalogue.open(write_kind(kind, folder / "catalogue", items))
    assert catalogue.kind == kind.partition(",")[0].partition(" ")[0]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rows, "ROWS_PER_CHUNK", 2)
        found = read_items(catalogue, str(folder / "spools"))
        assert catalogue.count_rows() == len(items)
    assert found == sorted((item.id, item.description, item.label, item.group, item.image) for item in items)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_read_from_a_store(tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "ROWS_PER_CHUNK", 2)
    items = [Item(f"id {number}", f"{number}.png", b"image %d" % number, "text", "label", "a") for number in range(5)]
    local = write_kind(kind, tmp_path / "catalogue", items)
    store = f"memory://{tmp_path.name}"
    for path in filter(Path.is_file, tmp_path.rglob("*")):
        with write_stream(f"{store}/{path.relative_to(tmp_path).as_posix()}") as file:
            file.write(path.read_bytes())
    remote = local.model_copy(update={"catalogue": local.catalogue.replace(str(tmp_path), store)})
    found = read_items(Catalogue.open(remote), f"{store}/spools")
    assert found == read_items(Catalogue.open(local), str(tmp_path / "spools"))
