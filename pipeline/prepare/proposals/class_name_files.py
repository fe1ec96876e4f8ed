"""A catalogue's own file of the names of its numbered classes."""

from __future__ import annotations

import glob
import posixpath
import re
from collections.abc import Iterator

from diptych.components.catalogue.readers.class_names import read_class_names
from diptych.components.catalogue.readers.kinds import catalogue_folder
from diptych.components.catalogue.readers.label_values import parse_labels
from diptych.components.catalogue.readers.rows import CatalogueError
from diptych.components.catalogue.reasons import RowError
from diptych.components.catalogue.remote import is_web
from diptych.components.catalogue.storage import join, list_files
from diptych.models.natural_order import natural_key
from diptych.pipeline.prepare.proposals.decisions import Decision, Evidence

_KEY = "data.class_names"
# Of YOLO, CUB-200, TensorFlow's examples, Darknet, Keras, models of Hugging Face and others; the likeliest first.
_FILES = re.compile(
    r"(classes|labels|class_?names|class_list|label_?names|names|synset_words)\.txt|.*\.names|(data|dataset)\.ya?ml"
    r"|(classes|class_names|class_ind(ex|ices)|class_to_idx|id2label|label2id|config|(.*_)?label_?(.*_)?map(ping)?)\.json"
    r"|(.*_)?(classes|labels|(class|label|sign)_?(names|list|map)?)\.csv|.*label_?map\.pbtxt",
    re.IGNORECASE,
)
_ORDER = (".txt", ".names", ".yaml", ".yml", ".json", ".csv", ".pbtxt")
_WHOLE = re.compile(r"\d+(\.0)?")


def propose_class_names(evidence: Evidence) -> list[Decision]:
    """The file of names beside the catalogue, where all labels are numbers that it names."""
    labels = _labels(evidence)
    if evidence.data.class_names or not labels or not all(label.isdecimal() for label in labels):
        return []
    numbers = sorted(map(int, labels))
    for uri in _files(evidence):
        name = posixpath.basename(uri)
        try:
            names = read_class_names(uri, evidence.data)
        except CatalogueError:
            continue
        if labels <= names.keys():
            reason = f"the labels are {len(labels):,} numbers, of which '{name}' names {len(names):,}"
            return [Decision(_KEY, name, reason)]
        if numbers[0] == 1 and numbers[-1] <= len(names) and "0" in names:
            ordered = sorted(names, key=natural_key)
            shifted = {str(number): names[key] for number, key in enumerate(ordered, start=1)}
            reason = f"the {len(names):,} names of '{name}', counted from 1 as the labels are"
            return [Decision(_KEY, shifted, reason, [f"{_KEY}: {name}, if they are counted from 0"])]
    return []


def _labels(evidence: Evidence) -> set[str]:
    """The different labels of the sample, without the zero that a missing value has added to whole numbers."""
    column = evidence.data.columns.label
    if not isinstance(column, str):
        return set()
    found = set[str]()
    for value in evidence.values(column):
        try:
            found.update(parse_labels(value, evidence.data))
        except RowError:
            continue
    return {label.removesuffix(".0") if _WHOLE.fullmatch(label) else label for label in found} - {"-1"}


def _files(evidence: Evidence) -> Iterator[str]:
    folder = catalogue_folder(evidence.data)
    if is_web(folder):
        return
    found = list_files(join(glob.escape(folder), "*"), evidence.data.fetch)
    others = [uri for uri in found if uri not in evidence.catalogue.sources]
    named = [uri for uri in others if _FILES.fullmatch(posixpath.basename(uri))]
    yield from sorted(named, key=lambda uri: (_ORDER.index(posixpath.splitext(uri)[1].lower()), uri))
