"""Rules of single rows: repeated in another split, of a size far from all others, of a format or script never seen."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from diptych.components.data_gate.findings import SHARE_OF_ROWS, Finding, name_some, rows_with
from diptych.components.data_gate.options import GateOptions, ShareRule, SizeRule
from diptych.components.data_gate.profile import NumberProfile, Profile, count_values
from diptych.components.data_gate.rows import ASPECT, SCRIPT, Rows
from diptych.models import features
from diptych.models.images.hamming import pairs_within_hamming_distance

SIZES = (features.WIDTH, features.HEIGHT, ASPECT, features.FILE_BYTES)
TIMES_BEYOND = "ratio to the range of the middle 99 %"

_NEW = {"new_format": features.FORMAT, "new_script": SCRIPT}


def check_duplicates(splits: Mapping[str, Rows], options: GateOptions) -> Iterator[Finding]:
    """Rows whose pixels, as stored, an earlier split holds: what is measured on them is no test."""
    rule = options.duplicates
    seen: set[str] = set()
    for split, rows in splits.items():
        digests = rows.texts[features.SHA256]
        repeats = np.array([digest in seen for digest in digests], bool)
        seen.update(digests)
        share, ids = _repeated(rows, repeats)
        if share > rule.max:
            message = (
                f"split '{split}': the images of {int(repeats.sum()):,} rows ({share:.1%}) are in an earlier split; "
                f"gate.duplicates.max allows {rule.max:.1%}{rows_with(ids)}; set data.duplicates.exact to together or "
                "drop, or mend the splits"
            )
            yield Finding(
                "duplicates", rule.severity, message, features.SHA256, split, share, SHARE_OF_ROWS, rule.max, ids
            )


def _repeated(rows: Rows, repeats: NDArray[np.bool_]) -> tuple[float, tuple[str, ...]]:
    """The share of a split's rows that repeat an earlier split's, and ids of some."""
    share = float(repeats.mean()) if repeats.size else 0.0
    return share, rows.ids_by(np.zeros(repeats.size), repeats)


def check_near_duplicates(splits: Mapping[str, Rows], options: GateOptions) -> Iterator[Finding]:
    """Rows whose image looks like one of an earlier split, or is equal to it."""
    rule = options.near_duplicates
    if rule.severity == "ignore":
        return
    hashes = np.concatenate([rows.hashes for rows in splits.values()])
    number = np.repeat(np.arange(len(splits)), [len(rows.ids) for rows in splits.values()])
    # Equal hashes share the neighbours of the first of them, which lies in the earliest split that has it.
    _, first, inverse = np.unique(hashes, return_index=True, return_inverse=True)
    earliest = number.copy()
    left, right = pairs_within_hamming_distance(hashes, rule.distance).T
    np.minimum.at(earliest, left, number[right])
    np.minimum.at(earliest, right, number[left])
    repeats = earliest[first[inverse.reshape(-1)]] < number
    for place, (split, rows) in enumerate(splits.items()):
        of_split = repeats[number == place]
        share, ids = _repeated(rows, of_split)
        if share > rule.max:
            message = (
                f"split '{split}': {int(of_split.sum()):,} images ({share:.1%}) differ from one of an earlier split in "
                f"{rule.distance} of 64 bits or fewer (gate.near_duplicates.distance); gate.near_duplicates.max allows "
                f"{rule.max:.1%}{rows_with(ids)}; set data.duplicates.near to together or drop, or loosen the rule"
            )
            yield Finding(
                "near_duplicates", rule.severity, message, features.PHASH, split, share, SHARE_OF_ROWS, rule.max, ids
            )


def check_sizes(splits: Mapping[str, Rows], reference: Profile, rule: SizeRule) -> Iterator[Finding]:
    """Rows of a size many times beyond the range that nearly all rows of the reference keep to."""
    for split, rows in splits.items():
        for name in SIZES:
            if rows.ids and name in reference.numbers:
                yield from _check_size(split, rows, name, reference.numbers[name], rule)


def _check_size(split: str, rows: Rows, name: str, known: NumberProfile, rule: SizeRule) -> Iterator[Finding]:
    values = rows.numbers[name]
    least = float(np.finfo(np.float32).tiny)
    ratio = np.maximum(values / max(known.high, least), known.low / np.maximum(values, least))
    beyond = ratio > rule.factor
    if beyond.any():
        ids = rows.ids_by(ratio, beyond)
        message = (
            f"split '{split}', feature '{name}': {int(beyond.sum()):,} rows lie more than {rule.factor:g} times "
            f"(gate.size.factor) beyond the usual {known.low:g} to {known.high:g}, the furthest at "
            f"{values[int(ratio.argmax())]:g}{rows_with(ids)}; look at their images, or raise it"
        )
        yield Finding("size", rule.severity, message, name, split, float(ratio.max()), TIMES_BEYOND, rule.factor, ids)


def check_new_values(
    splits: Mapping[str, Rows], accepted: Mapping[str, Profile], options: GateOptions
) -> Iterator[Finding]:
    """Rows of a file format, or in a script, that no split of the last accepted data has."""
    for rule, name in _NEW.items():
        known = {value for profile in accepted.values() for value in profile.categories[name]}
        for split, rows in splits.items():
            yield from _check_new(rule, split, rows, known, getattr(options, rule))


def _check_new(rule: str, split: str, rows: Rows, known: set[str], options: ShareRule) -> Iterator[Finding]:
    name = _NEW[rule]
    counts = {value: count for value, count in count_values(rows, name).items() if value not in known}
    share = sum(counts.values()) / max(len(rows.ids), 1)
    if share > options.max:
        ids = rows.ids_where(lambda values: values[0] not in known, name)
        told = name_some(f"'{value}' ({count:,} rows)" for value, count in sorted(counts.items()))
        message = (
            f"split '{split}', feature '{name}': {told} not in the last accepted data, which has "
            f"{name_some(sorted(known))}; gate.{rule}.max allows {options.max:.1%} of the rows{rows_with(ids)}; "
            "mend them, or raise it"
        )
        yield Finding(rule, options.severity, message, name, split, share, SHARE_OF_ROWS, options.max, ids)
