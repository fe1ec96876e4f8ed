"""Every target over its seeds and the inputs that are kept for it, without atheris."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import pytest

from tests.fuzz.corpora import FOLDER, MAX_BYTES, read_corpus
from tests.fuzz.targets import TARGETS


# Outside of tests, a warning is no error.
@pytest.mark.filterwarnings("ignore")
@pytest.mark.promise("A file of any bytes becomes rows, rejects or one sentence; nothing that reads it raises else")
def test_no_target_finds_anything_in_its_corpus(record_property: Callable[[str, object], None]) -> None:
    count, finds = 0, []
    for name, target in TARGETS.items():
        for content in (*target.seeds(), *read_corpus(name)):
            count += 1
            try:
                target.run(content)
            except Exception as error:
                finds.append(f"{name}: {hashlib.sha256(content).hexdigest()[:8]}: {error!r}")
    assert finds == []
    record_property("figure", f"{len(TARGETS)} fuzzing targets over {count:,} inputs: {len(finds)} finds")


def test_the_corpora_are_small_and_of_targets() -> None:
    kept = list(FOLDER.glob("*.zip"))
    assert {path.stem for path in kept} <= TARGETS.keys()
    assert sum(path.stat().st_size for path in kept) <= MAX_BYTES
