"""Which of nested class folders is the label."""

from __future__ import annotations

import posixpath
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

from diptych.components.catalogue.split_names import words_of_name
from diptych.models.counts import pluralize
from diptych.pipeline.prepare.infer_columns import ROLE_WORDS
from diptych.pipeline.prepare.proposals.decisions import Decision, Evidence

_KEY = "data.class_folder"
_NAMES_SHOWN = 3
_PATH_TOGETHER = f"{_KEY}: path, if top and inner folder together are the class"
# Words in the names of folders of images, and of those beside them that hold other pictures of the same things.
_IMAGES = {"image", "images", "imgs", "img", "jpegimages", "photos", "pictures", "rgb", "input", "inputs"}
_MASKS = {"mask", "masks", "trimap", "trimaps", "segmentation", "segmentations", "groundtruth", "gt", "depth", "truth"}
_MASKS |= {"annotation", "annotations", "label", "labels", "output", "outputs", "target", "targets"}
_NUMBERED = re.compile(r"(.*?)[-_. ]*\d+")

_Folders = tuple[str, ...]


def propose_class_folder(evidence: Evidence) -> list[Decision]:
    """The class folder where images lie in nested folders: the top one, unless there is one top folder only."""
    if evidence.catalogue.kind != "folder" or not isinstance(evidence.data.columns.label, str):
        return []
    folders = list(_class_folders(evidence))
    tops = list(dict.fromkeys(parts[0] for parts in folders))
    if max(map(len, folders), default=0) < 2:
        return _of_masks(tops, evidence.data.class_folder)
    if len(tops) == 1:
        return [_below_one_top(tops[0], folders)]
    tops_of_leaf: dict[str, set[str]] = defaultdict(set)
    for parts in folders:
        if len(parts) > 1:
            tops_of_leaf[parts[-1]].add(parts[0])
    if any(len(above) > 1 for above in tops_of_leaf.values()):
        return [_recurring(tops, tops_of_leaf)]
    shown = _shown(list(tops_of_leaf))
    leaves = pluralize(len(tops_of_leaf), "inner folder is the class", "inner folders are the classes")
    alternatives = [f"{_KEY}: leaf, if the {leaves} ({shown})"]
    # The path has the folder of the split too.
    alternatives += [f"{_KEY}: path, if both together are"] * (not evidence.catalogue.splits.of_folder)
    return [Decision(_KEY, "top", f"the {pluralize(len(tops), 'top folder')}: {_shown(tops)}", alternatives)]


def _class_folders(evidence: Evidence) -> Iterator[_Folders]:
    """The folders of each image of the sample, without those that are splits."""
    splits = evidence.catalogue.splits.of_folder
    for path in evidence.values(evidence.data.columns.image):
        folder = posixpath.dirname(str(path))
        parts = folder.split("/")
        above = ("/".join(parts[:end]) for end in range(1, len(parts) + 1))
        split = next((place for place, inner in enumerate(above) if inner in splits), None)
        if split is not None:
            del parts[split]
        if folder:
            yield tuple(parts)


def _recurring(tops: Sequence[str], tops_of_leaf: Mapping[str, set[str]]) -> Decision:
    """The decision where inner folders of the same name lie in several top folders."""
    shared = [leaf for leaf, above in tops_of_leaf.items() if len(above) > 1]
    is_crossed = len(shared) > 1 and all(len(tops_of_leaf[leaf]) == len(tops) for leaf in shared)
    if is_crossed and _are_parts(tops):
        reason = f"the inner folders, which recur in all of {_shown(tops)}: {_shown(shared)}"
        return Decision(_KEY, "leaf", reason, [f"{_KEY}: top, if the classes are {_shown(tops)}"])
    reason = f"the {len(tops):,} top folders; the inner ones recur below several of them: {_shown(shared)}"
    if len(tops_of_leaf) == 1:
        # Top and inner folder together would make the same classes.
        return Decision(_KEY, "top", reason, _image_folder(tops))
    leaf = [f"{_KEY}: leaf, if the classes are {_shown(shared)}"] if len(shared) > 1 else []
    return Decision(_KEY, "top", reason, [*_image_folder(tops), *leaf, _PATH_TOGETHER])


def _are_parts(tops: Sequence[str]) -> bool:
    """Whether folders are numbered parts of one thing, as ``fold_1`` and ``fold_2`` are."""
    stems = {match[1].lower() if (match := _NUMBERED.fullmatch(top)) else top for top in tops}
    return len(stems) == 1 and not stems & {"", *ROLE_WORDS["label"]}


def _of_masks(tops: Sequence[str], value: str) -> list[Decision]:
    if alternatives := _image_folder(tops):
        return [Decision(_KEY, value, f"the {len(tops):,} folders: {_shown(tops)}", alternatives)]
    return []


def _image_folder(tops: Sequence[str]) -> list[str]:
    """What else may be meant where one folder is named as one of images, and others as ones of masks."""
    images = [top for top in tops if _IMAGES & words_of_name(top)]
    masks = [top for top in tops if _MASKS & words_of_name(top)]
    if len(images) != 1 or not masks:
        return []
    return [f"data.catalogue: that of the folder '{images[0]}', if there are masks or the like in {_shown(masks)}"]


def _below_one_top(top: str, folders: Sequence[_Folders]) -> Decision:
    leaves = list(dict.fromkeys(parts[-1] for parts in folders))
    reason = f"all images lie in '{top}', so the inner folders are the classes: {_shown(leaves)}"
    if {len(parts) for parts in folders} == {2}:
        return Decision(_KEY, "leaf", reason)
    inner = list(dict.fromkeys(parts[1] for parts in folders if len(parts) > 1))
    return Decision(
        _KEY,
        "leaf",
        reason,
        [f"{_KEY}: path", f"data.catalogue: that of the folder '{top}', if the classes are {_shown(inner)}"],
    )


def _shown(names: Sequence[str]) -> str:
    return ", ".join(names[:_NAMES_SHOWN]) + (" ..." if len(names) > _NAMES_SHOWN else "")
