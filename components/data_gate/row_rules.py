"""The rules about single rows: of an image that others have too, of an unusual size, a new file format or script."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from diptych.components.data_gate.findings import MAX_IDS, SHARE_OF_ROWS, Finding, mention_ids
from diptych.components.data_gate.options import GateOptions, NearDuplicatesRule, ShareRule, SizeRule
from diptych.components.data_gate.profile import NumericProfile, SplitProfile, count_values
from diptych.components.data_gate.split_rows import ASPECT, SCRIPT, SplitRows
from diptych.models import features
from diptych.models.counts import join_names, pluralize
from diptych.models.images.hamming import pairs_within_hamming_distance

SIZE_FEATURES = (features.WIDTH, features.HEIGHT, ASPECT, features.FILE_BYTES)
# Rows of one image that a message names.
_MAX_NAMED = 3
RATIO_TO_USUAL_RANGE = "ratio to the range of the middle 99 %"

# The rules about new values, and the feature of each.
_NEW_VALUE_RULES = {"new_format": features.FORMAT, "new_script": SCRIPT}


def check_duplicates(splits: Mapping[str, SplitRows], rule: ShareRule) -> Iterator[Finding]:
    """Finds rows whose images an earlier split has too: they do not test what was learned."""
    seen: set[str] = set()
    for split, rows in splits.items():
        digests = rows.texts[features.SHA256]
        repeats = np.array([digest in seen for digest in digests], bool)
        seen.update(digests)
        share, ids = _share_and_ids(rows, repeats)
        if share > rule.max:
            count = pluralize(int(repeats.sum()), "row")
            message = (
                f"split '{split}': {count} ({share:.1%}) with an image that is in an earlier split; "
                f"gate.duplicates.max allows {rule.max:.1%}{mention_ids(ids)}; set data.duplicates.exact to together "
                "or drop, or mend the splits"
            )
            yield Finding(
                "duplicates", rule.severity, message, features.SHA256, split, share, SHARE_OF_ROWS, rule.max, ids
            )


def _share_and_ids(rows: SplitRows, repeats: NDArray[np.bool_]) -> tuple[float, tuple[str, ...]]:
    """The share of the rows that repeat another one, and the ids of the first of them."""
    share = float(repeats.mean()) if repeats.size else 0.0
    return share, rows.ids_of_greatest(np.zeros(repeats.size), repeats)


def check_label_conflicts(splits: Mapping[str, SplitRows], rule: ShareRule) -> Iterator[Finding]:
    """Finds rows whose images other rows have under another label; rows of one image are named together."""
    counts = Counter(digest for rows in splits.values() for digest in rows.texts[features.SHA256])
    by_image: dict[str, list[tuple[str, tuple[str, ...]]]] = defaultdict(list)
    for rows in splits.values():
        for digest, row_id, labels in zip(rows.texts[features.SHA256], rows.ids, rows.labels, strict=True):
            if counts[digest] > 1:
                by_image[digest].append((row_id, labels))
    conflicts = [of_image for of_image in by_image.values() if len({labels for _, labels in of_image}) > 1]
    share = sum(map(len, conflicts)) / max(sum(len(rows.ids) for rows in splits.values()), 1)
    if share > rule.max:
        ids = [row_id for of_image in conflicts for row_id, _ in of_image]
        named = join_names(
            " and ".join(f"'{', '.join(labels)}' (id {row_id})" for row_id, labels in of_image[:_MAX_NAMED])
            for of_image in conflicts
        )
        message = (
            f"{pluralize(len(ids), 'row')} ({share:.1%}) with an image that another row has under another label: "
            f"{named}; gate.label_conflict.max allows {rule.max:.1%}; decide on one label, or give one row all of them "
            "(data.several_labels)"
        )
        yield Finding(
            "label_conflict",
            rule.severity,
            message,
            features.LABEL,
            measured=share,
            formula=SHARE_OF_ROWS,
            threshold=rule.max,
            ids=tuple(ids[:MAX_IDS]),
        )


def check_near_duplicates(splits: Mapping[str, SplitRows], rule: NearDuplicatesRule) -> Iterator[Finding]:
    """Finds rows whose image is equal or similar to one of an earlier split."""
    if rule.severity == "ignore":
        return
    split_numbers = np.repeat(np.arange(len(splits)), [len(rows.ids) for rows in splits.values()])
    repeats = _similar_to_earlier_split(splits, split_numbers, rule.distance)
    for number, (split, rows) in enumerate(splits.items()):
        of_split = repeats[split_numbers == number]
        share, ids = _share_and_ids(rows, of_split)
        if share > rule.max:
            count = pluralize(int(of_split.sum()), "image differs", "images differ")
            message = (
                f"split '{split}': {count} from one of an earlier split ({share:.1%}) in "
                f"{rule.distance} of 64 bits or fewer (gate.near_duplicates.distance); gate.near_duplicates.max allows "
                f"{rule.max:.1%}{mention_ids(ids)}; set data.duplicates.near to drop or together "
                "(of declared splits, together moves rows only with data.straddling: move), or loosen the rule"
            )
            yield Finding(
                "near_duplicates", rule.severity, message, features.PHASH, split, share, SHARE_OF_ROWS, rule.max, ids
            )


def _similar_to_earlier_split(
    splits: Mapping[str, SplitRows], split_numbers: NDArray[np.intp], distance: int
) -> NDArray[np.bool_]:
    """Whether a row of an earlier split has a hash at most so many bits apart, bool ``[rows of all splits]``."""
    hashes = np.concatenate([rows.hashes for rows in splits.values()])
    # Of equal hashes only the first is paired with others. It is in the earliest split that has the hash.
    _, first, inverse = np.unique(hashes, return_index=True, return_inverse=True)
    earliest = split_numbers.copy()
    left, right = pairs_within_hamming_distance(hashes, distance).T
    np.minimum.at(earliest, left, split_numbers[right])
    np.minimum.at(earliest, right, split_numbers[left])
    return np.asarray(earliest[first[inverse.reshape(-1)]] < split_numbers)


def check_sizes(splits: Mapping[str, SplitRows], reference: SplitProfile, rule: SizeRule) -> Iterator[Finding]:
    """Finds rows whose size is many times beyond the range that 99 % of the rows of the reference are in."""
    for split, rows in splits.items():
        for name in SIZE_FEATURES:
            if rows.ids and name in reference.numbers:
                yield from _check_size(split, rows, name, reference.numbers[name], rule)


def _check_size(split: str, rows: SplitRows, name: str, usual: NumericProfile, rule: SizeRule) -> Iterator[Finding]:
    values = rows.numbers[name]
    least = float(np.finfo(np.float32).tiny)
    ratio = np.maximum(values / max(usual.high, least), usual.low / np.maximum(values, least))
    beyond = ratio > rule.factor
    if beyond.any():
        ids = rows.ids_of_greatest(ratio, beyond)
        count = pluralize(int(beyond.sum()), "row lies", "rows lie")
        message = (
            f"split '{split}', feature '{name}': {count} more than {rule.factor:g} times "
            f"(gate.size.factor) beyond the usual {usual.low:g} to {usual.high:g}, the furthest at "
            f"{values[int(ratio.argmax())]:g}{mention_ids(ids)}; look at their images, or raise it"
        )
        yield Finding(
            "size", rule.severity, message, name, split, float(ratio.max()), RATIO_TO_USUAL_RANGE, rule.factor, ids
        )


def check_new_values(
    splits: Mapping[str, SplitRows], accepted: Mapping[str, SplitProfile], options: GateOptions
) -> Iterator[Finding]:
    """Finds rows whose file format or script no split of the last accepted data has."""
    for rule, feature in _NEW_VALUE_RULES.items():
        known = {value for profile in accepted.values() for value in profile.categories[feature]}
        for split, rows in splits.items():
            yield from _check_new_value(rule, split, rows, known, getattr(options, rule))


def _check_new_value(rule: str, split: str, rows: SplitRows, known: set[str], options: ShareRule) -> Iterator[Finding]:
    feature = _NEW_VALUE_RULES[rule]
    counts = {value: count for value, count in count_values(rows, feature).items() if value not in known}
    share = sum(counts.values()) / max(len(rows.ids), 1)
    if share > options.max:
        ids = rows.ids_where(lambda values: values[0] not in known, feature)
        values = join_names(f"'{value}' ({pluralize(count, 'row')})" for value, count in sorted(counts.items()))
        message = (
            f"split '{split}', feature '{feature}': {values} not in the last accepted data, which has "
            f"{join_names(sorted(known))}; gate.{rule}.max allows {options.max:.1%} of the rows{mention_ids(ids)}; "
            "mend them, or raise it"
        )
        yield Finding(rule, options.severity, message, feature, split, share, SHARE_OF_ROWS, options.max, ids)
