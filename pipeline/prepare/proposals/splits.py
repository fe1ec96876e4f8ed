"""What ``diptych init`` says of splits: which the catalogue declares, and what becomes of the others."""

from __future__ import annotations

import os
import posixpath
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace

from diptych.components.catalogue.catalogue import Catalogue
from diptych.components.catalogue.declared_splits import how_to_ignore
from diptych.components.catalogue.readers.kinds import catalogue_folder, find_kind, list_sources
from diptych.components.catalogue.readers.repository_splits import README, name_configurations
from diptych.components.catalogue.readers.rows import CatalogueError
from diptych.components.catalogue.split_names import SPLIT_OF_WORD, split_of_value, splits_of_paths, words_of_name
from diptych.components.catalogue.storage import is_remote
from diptych.models.counts import pluralize
from diptych.models.features import SPLITS, TRAIN
from diptych.models.natural_order import natural_key
from diptych.pipeline.prepare.infer_columns import ROLE_WORDS
from diptych.pipeline.prepare.proposals.decisions import Decision, Evidence
from diptych.pipeline.prepare.proposals.unread_files import find_beside, find_unread, name_splits
from diptych.pipeline.prepare.yaml_text import format_value

_KEY = "data.declared_splits"
_MAX_NAMES = 3
# A column with more values is none of splits, nor of folds.
_MAX_VALUES = 20
_WORDS = {*ROLE_WORDS["split"], *SPLIT_OF_WORD, "folds", "kfold", "usage", "phase"}
_OTHER_WORDS = {"id", "name", "nr", "no", "number", "index", "idx", "type", "k", "cv", "is"}


def propose_splits(evidence: Evidence) -> list[Decision]:
    """Says which splits are declared; they are kept. Nothing is proposed that would not keep them."""
    # The images' root, which may have been decided, may have folders of splits.
    evidence = replace(evidence, catalogue=Catalogue.open(evidence.data))
    by_split = _rows_by_split(evidence)
    if by_split:
        return [_declared(by_split, evidence)]
    if classes := _classes_named_like_splits(evidence):
        lie = "lies among classes of other names, so it is a class"
        if len(classes) > 1:
            lie = "lie among classes of other names, so they are classes"
        reason = f"{' and '.join(classes)} {lie}"
        return [Decision(_KEY, "auto", reason, (f"other folders, moved away, if {classes[0]} is a split",))]
    return _neighbours(evidence) or _columns(evidence) or _inner_folders(evidence) or _lists(evidence)


def _rows_by_split(evidence: Evidence) -> dict[str, list[int]]:
    """Declared split to the places of its rows in the sample."""
    found: dict[str, list[int]] = {}
    for place, source in enumerate(evidence.sources):
        row = evidence.catalogue.splits.apply(evidence.row(place), source, evidence.data)
        if split := split_of_value(row.split or ""):
            found.setdefault(split, []).append(place)
    return {split: found[split] for split in SPLITS if split in found}


def _declared(by_split: dict[str, list[int]], evidence: Evidence) -> Decision:
    # A single name, such as that of a folder "train", may mean something else.
    is_sure = len(by_split) > 1 or evidence.data.columns.split
    others = [] if is_sure else [f"{how_to_ignore(evidence.data)}, if all rows are to be split anew"]
    by_names = evidence.catalogue.splits.of_source and not evidence.catalogue.splits.by.endswith(README)
    configs = name_configurations(catalogue_folder(evidence.data), evidence.data) if by_names else []
    if len(configs) > 1:
        others.append(
            f"the files of one of the configurations {_join(configs)} as data.catalogue; all are read together"
        )
    return Decision(_KEY, "auto", "; ".join(_reasons(by_split, evidence)), tuple(others))


def _reasons(by_split: dict[str, list[int]], evidence: Evidence) -> Iterator[str]:
    splits = evidence.catalogue.splits
    if evidence.data.columns.split:
        counts = ", ".join(f"{split} {len(places)}" for split, places in by_split.items())
        sampled = pluralize(len(evidence.rows), "sampled row")
        yield f"the column '{evidence.data.columns.split}' declares {counts} of {sampled}; kept"
        if others := len(evidence.rows) - sum(map(len, by_split.values())):
            yield f"{others:,} of them {'has' if others == 1 else 'have'} no split, and a run rejects such rows"
    else:
        yield f"declared by {splits.by}: {', '.join(_named(evidence))}; kept"
    unlabelled = [split for split, places in by_split.items() if split != TRAIN and not _has_labels(places, evidence)]
    if len(unlabelled) == 1:
        yield f"{unlabelled[0]} has no labels, so it is not learned from, and diptych predict --catalogue classifies it"
    elif unlabelled:
        yield (
            f"{' and '.join(unlabelled)} have no labels, so they are not learned from, and diptych predict --catalogue "
            "classifies them"
        )
    if unlabelled and (lists := name_splits(find_unread(evidence))):
        yield f"not read: {_join(lists)}"
    missing = [split for split in SPLITS if split not in by_split or split in unlabelled]
    if TRAIN in missing:
        yield "train is not declared, so a run refuses it"
    elif missing:
        yield f"{' and '.join(missing)} taken from train"
    if splits.unread:
        yield f"not read, because they name no split: {_join(splits.unread)}"


def _named(evidence: Evidence) -> Iterator[str]:
    """Each declared split, with the names that declare it."""
    splits = evidence.catalogue.splits
    named = splits.by_name(evidence.data.catalogue)
    above = posixpath.commonpath([posixpath.dirname(path) for path, _ in named])
    for split in splits.splits:
        names = [posixpath.relpath(path, above or ".") for path, of in named if of == split]
        yield split if names == [split] else f"{split} ({_join(names)})"


def _has_labels(places: Sequence[int], evidence: Evidence) -> bool:
    return any(evidence.row(place).labels for place in places)


def _join(paths: Sequence[str]) -> str:
    names = [os.path.basename(path) if os.path.isabs(path) else path for path in paths]
    shown = names if len(names) <= _MAX_NAMES else names[:1]
    return ", ".join(shown) + (f" and {len(names) - 1:,} more" if len(shown) < len(names) else "")


def _classes_named_like_splits(evidence: Evidence) -> list[str]:
    if evidence.catalogue.kind != "folder":
        return []
    counts = Counter(label for place in range(len(evidence.rows)) for label in evidence.row(place).labels)
    return [f"'{label}'" for label in sorted(counts) if splits_of_paths([label])[0]]


def _columns(evidence: Evidence) -> list[Decision]:
    """The columns that are named like those of splits or folds, and hold something else than names of splits."""
    found = {
        column: sorted({str(value) for value in evidence.values(column)}, key=natural_key)
        for column in evidence.columns
        if column not in evidence.data.used_columns and _is_of_splits(column)
    }
    found = {column: values for column, values in found.items() if 1 < len(values) <= _MAX_VALUES}
    if not found:
        return []
    said = " and ".join(f"'{column}' ({', '.join(values[:_MAX_NAMES])} ...)" for column, values in found.items())
    reason = f"rows are split anew: {said} {'says' if len(found) == 1 else 'say'} nothing of train, val and test"
    others = [f"data.columns.split: {format_value(column)}, once its cells say train, val and test" for column in found]
    return [Decision(_KEY, "auto", reason, others)]


def _is_of_splits(column: str) -> bool:
    words = words_of_name(column)
    return bool(words & _WORDS) and words <= _WORDS | _OTHER_WORDS


def _inner_folders(evidence: Evidence) -> list[Decision]:
    """The folder whose folders are named like splits, where others lie beside it, which are read as well."""
    if evidence.catalogue.kind != "folder":
        return []
    splits_in: dict[str, set[str]] = defaultdict(set)
    for path in map(str, evidence.values(evidence.data.columns.image)):
        *folders, _ = path.split("/")
        for place, folder in enumerate(folders):
            if place and (split := splits_of_paths([folder])[0]):
                splits_in["/".join(folders[:place])].add(split)
    found = [folder for folder, splits in splits_in.items() if TRAIN in splits and len(splits) > 1]
    if not found:
        return []
    reason = f"rows are split anew, though folders in {_join(found)} are named like splits"
    return [Decision(_KEY, "auto", reason, (f"data.catalogue: that of the folder '{found[0]}', which declares them",))]


def _lists(evidence: Evidence) -> list[Decision]:
    """The files in a folder of class folders, or beside a table, that speak of splits."""
    if not (lists := name_splits(find_unread(evidence) or find_beside(evidence))):
        return []
    other = "folders train and test, or a table with a column of splits, if these files declare them"
    return [Decision(_KEY, "auto", f"rows are split anew; not read: {_join(lists)}", (other,))]


def _neighbours(evidence: Evidence) -> list[Decision]:
    """Of a single file such as train.csv, the files beside it that name other splits."""
    file = evidence.data.catalogue
    if is_remote(file) or not os.path.isfile(file) or not splits_of_paths([os.path.basename(file)])[0]:
        return []
    folder = os.path.dirname(file) or "."
    try:
        beside = list_sources(evidence.data.model_copy(update={"catalogue": folder}), find_kind(evidence.data))
    except CatalogueError:
        return []
    others = [path for path in beside if not os.path.samefile(path, file)]
    named = [os.path.basename(path) for path in others if splits_of_paths([os.path.basename(path)])[0]]
    if not named:
        return []
    reason = f"only {os.path.basename(file)} is read, and split anew"
    declare = "declares a split" if len(named) == 1 else "declare splits"
    return [Decision(_KEY, "auto", reason, (f"the folder as data.catalogue, if {_join(named)} beside it {declare}",))]
