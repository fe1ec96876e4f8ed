"""How image paths are made, and where the files are that they lead to."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

from diptych.components.catalogue.options import DataOptions
from diptych.components.catalogue.readers.image_cells import parse_images
from diptych.components.catalogue.readers.kinds import catalogue_folder
from diptych.components.catalogue.readers.row_files import has_image_ending
from diptych.components.catalogue.readers.written_lists import is_written_list, parse_written_list
from diptych.components.catalogue.reasons import RowError
from diptych.components.catalogue.storage import is_remote
from diptych.components.catalogue.templates import template_columns
from diptych.models.counts import pluralize
from diptych.pipeline.prepare.infer_columns import is_image
from diptych.pipeline.prepare.proposals.decisions import Decision, Evidence
from diptych.pipeline.prepare.proposals.image_index import ImageIndex
from diptych.pipeline.prepare.proposals.path_cells import Found, count_found, looked_at, path_cells, roots, texts_of
from diptych.pipeline.prepare.proposals.path_prefixes import common_url, find_prefixes
from diptych.pipeline.prepare.proposals.path_templates import FoundTemplate, file_endings, find_templates

# Kinds whose rows come with their images.
_KINDS_WITH_IMAGES = ("webdataset", "tfrecord", "folder")
_MIN_SHARE = 0.5
_SEPARATORS = (";", "|", ",", "\n", " ")
# A folder beside that of the catalogue.
_SIBLING = re.compile(r"\.\.[/\\]([^/\\]+)[/\\]")


def propose_paths(evidence: Evidence) -> list[Decision]:
    """What leads from the rows to their image files, by the files below the catalogue's folder, or beside it.

    Decides ``data.columns.image`` where no column holds paths, ``data.images_root`` and ``data.paths``. Nothing is
    decided where most images are found as it is, or where nothing makes most of them found.
    """
    if evidence.catalogue.kind in _KINDS_WITH_IMAGES or not evidence.rows:
        return []
    decisions = _propose_image_column(evidence)
    decisions += _propose_several(evidence.decided(decisions))
    evidence = evidence.decided(decisions)
    found = count_found(evidence).rows
    if not _is_enough(found, evidence):
        return decisions + _propose_places(evidence)
    column = evidence.data.columns.image
    if not decisions and _share(is_image, evidence.values(column)) < _MIN_SHARE:
        decisions = [_with_count(Decision("data.columns.image", column, "its paths lead to files"), found, evidence)]
    return decisions + _propose_movable(evidence)


def _propose_image_column(evidence: Evidence) -> list[Decision]:
    """A column of lists that are written in cells, or of images as text, where no column holds plain paths."""
    chosen = evidence.data.columns.image
    if _share(is_image, evidence.values(chosen)) >= _MIN_SHARE or template_columns(chosen):
        return []
    shares = {
        column: _share(partial(_holds_images, data=evidence.data), evidence.values(column))
        for column in _named_columns(evidence)
    }
    best = max(shares, key=lambda column: shares[column], default=chosen)
    if shares.get(best, 0) < _MIN_SHARE:
        return []
    return [Decision("data.columns.image", best, f"images in {shares[best]:.0%} of the sampled cells")]


def _holds_images(value: Any, data: DataOptions) -> bool:
    """Whether a text is an image, or a list of image paths."""
    if not isinstance(value, str):
        return False
    every = data.model_copy(update={"paths": data.paths.model_copy(update={"several": "all"})})
    try:
        images = parse_images(value, every)
    except RowError:
        return False
    return bool(images) and all(content is not None or has_image_ending(path) for path, content in images)


def _share(test: Callable[[Any], bool], values: Sequence[Any]) -> float:
    return sum(map(test, values)) / len(values) if values else 0


def _propose_several(evidence: Evidence) -> list[Decision]:
    """How several images in a cell are read, where cells have several."""
    values = evidence.values(evidence.data.columns.image)
    alternatives = ["data.paths.several: first, if only the first image shows what the row says"]
    if lists := [value for value in values if len(_listed(value)) > 1]:
        reason = f"a list of several images in {len(lists):,} of {pluralize(len(values), 'cell')}; each makes a row"
        return [Decision("data.paths.several", "all", reason, alternatives)]
    for separator in _SEPARATORS:
        parts = [value.split(separator) for value in values if isinstance(value, str)]
        several = [part for part in parts if len(part) > 1]
        if several and all(has_image_ending(path.strip()) for part in several for path in part if path.strip()):
            reason = f"{separator!r} between paths in {len(several):,} of {pluralize(len(values), 'cell')}"
            return [
                Decision("data.paths.separator", separator, reason),
                Decision("data.paths.several", "all", "each image of a row makes a row", alternatives),
            ]
    return []


def _propose_places(evidence: Evidence) -> list[Decision]:
    """What makes the most images found, of all that can be tried."""
    if any(map(is_remote, roots(evidence))):
        return _propose_urls(evidence)
    for index in _indexes(evidence):
        tried = [*_prefix_decisions(evidence, index), *_template_decisions(evidence, index)]
        counted = [(count_found(evidence.decided(decisions)), decisions) for decisions in tried]
        found, best = max(counted, key=lambda pair: pair[0], default=(Found(0, 0), []))
        if _is_enough(found.rows, evidence):
            return [_with_count(decision, found.rows, evidence) for decision in best]
    return _propose_plain_column(evidence) or _propose_urls(evidence)


def _indexes(evidence: Evidence) -> Iterator[ImageIndex]:
    folder = roots(evidence)[0] if len(roots(evidence)) == 1 else catalogue_folder(evidence.data)
    yield ImageIndex.below(folder or os.curdir)
    cells = path_cells(evidence).values()
    yield ImageIndex.beside(folder or os.curdir, {match[1] for cell in cells if (match := _SIBLING.match(cell))})


def _prefix_decisions(evidence: Evidence, index: ImageIndex) -> Iterator[list[Decision]]:
    prefixes = find_prefixes(path_cells(evidence), index)
    if list(prefixes) == [""]:
        yield _root(os.path.join(index.root, prefixes[""]), "the images lie there", evidence)
    elif prefixes:
        yield [
            *_root(index.root, "the images lie below it", evidence),
            Decision("data.paths.replace", prefixes, "what leads to the images elsewhere is replaced"),
        ]


def _template_decisions(evidence: Evidence, index: ImageIndex) -> Iterator[list[Decision]]:
    found = find_templates({place: evidence.rows[place] for place in looked_at(evidence)}, index)
    if not found:
        return
    best, *others = found
    alternatives = [f"data.columns.image: {_image(one)}" for one in others if one.distinct == best.distinct][:3]
    endings = file_endings(best)
    decisions = [
        *_root(index.root, "the images lie below it", evidence),
        Decision("data.columns.image", _image(best), "the paths that this makes of the rows", alternatives),
    ]
    if len(endings) > 1:
        decisions.append(Decision("data.paths.endings", list(endings), "the endings of the files, frequent ones first"))
    yield decisions


def _image(found: FoundTemplate) -> str:
    """The value of ``data.columns.image``: the template, or the column where it is nothing else."""
    endings = file_endings(found)
    template = found.template + (endings[0] if len(endings) == 1 else "")
    return found.column if template == f"{{{found.column}}}" else template


def _root(folder: str, reason: str, evidence: Evidence) -> list[Decision]:
    folder = os.path.normpath(folder)
    if [folder] == [os.path.abspath(root) for root in roots(evidence)]:
        return []
    return [Decision("data.images_root", folder, reason)]


def _propose_plain_column(evidence: Evidence) -> list[Decision]:
    """A column whose paths lead to files although they do not end as images do."""
    if evidence.data.columns.image in evidence.columns and evidence.values(evidence.data.columns.image):
        return []
    texts = dict.fromkeys(column for place in looked_at(evidence) for column, _ in texts_of(evidence.rows[place]))
    columns = [column for column in _named_columns(evidence) if column in texts]
    counted = [
        (count_found(evidence.decided([decision])).rows, decision)
        for decision in (Decision("data.columns.image", column, "its paths lead to files") for column in columns)
    ]
    count, best = max(counted, key=lambda pair: pair[0], default=(0, None))
    return [_with_count(best, count, evidence)] if best and _is_enough(count, evidence) else []


def _propose_urls(evidence: Evidence) -> list[Decision]:
    """The place of images that rows name by URLs."""
    cells = path_cells(evidence)
    if not (url := common_url(cells.values())):
        return []
    reason = f"all {len(cells):,} sampled paths are URLs below it: images are fetched when a run reads them"
    return [Decision("data.images_root", url, reason, ["a folder to which the images have been fetched"])]


def _propose_movable(evidence: Evidence) -> list[Decision]:
    """Takes the catalogue's own folder from absolute paths, so that the catalogue may be moved."""
    cells = list(path_cells(evidence).values())
    for root in roots(evidence) if cells and not any(map(is_remote, roots(evidence))) else ():
        for folder in dict.fromkeys((os.path.abspath(root), os.path.realpath(root))):
            prefix = os.path.join(folder, "")
            if all(cell.startswith(prefix) for cell in cells):
                return [Decision("data.paths.replace", {prefix: ""}, "so that the catalogue may be moved elsewhere")]
    return []


def _named_columns(evidence: Evidence) -> list[str]:
    """The columns that a setting can name."""
    return [column for column in evidence.columns if column and not template_columns(column)]


def _listed(value: Any) -> Sequence[Any]:
    """The items of a list, also of one that is written as a text; none of other values."""
    if isinstance(value, (list, tuple)):
        return value
    if isinstance(value, str) and is_written_list(value):
        try:
            return parse_written_list(value)
        except ValueError:
            return []
    return []


def _is_enough(count: int, evidence: Evidence) -> bool:
    return 2 * count >= len(looked_at(evidence)) > 0


def _with_count(decision: Decision, count: int, evidence: Evidence) -> Decision:
    sampled, has = pluralize(len(looked_at(evidence)), "sampled row"), "has" if count == 1 else "have"
    return Decision(
        decision.key,
        decision.value,
        f"{decision.reason}; {count:,} of {sampled} {has} that file",
        decision.alternatives,
    )
