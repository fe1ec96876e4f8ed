"""Drift and skew: how far a split's distributions lie from others, beyond what chance does."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.spatial.distance import jensenshannon
from scipy.stats import chi2, norm
from tensorflow_metadata.proto.v0 import schema_pb2

from diptych.components.data_gate.findings import MAX_IDS, Finding, rows_with
from diptych.components.data_gate.options import ShiftRule
from diptych.components.data_gate.profile import NumberProfile, Profile, bins, count_bins, count_values
from diptych.components.data_gate.rows import CATEGORIES, NUMBERS, Rows

JENSEN_SHANNON = "Jensen-Shannon divergence"
L_INFINITY = "L-infinity distance"

# How often chance alone may exceed a threshold, for each feature and split of a run.
_FALSE_ALARM = 1e-4


@dataclass(frozen=True)
class Comparison:
    """A split against other data.

    Attributes:
        rule: the key of its options in ``gate``.
        split: which split.
        reference: the other data in words.
        options: how far is too far.
        thresholds: of features for which the schema says something else.
    """

    rule: Literal["drift", "skew"]
    split: str
    reference: str
    options: ShiftRule
    thresholds: Mapping[str, float]

    def allowed(self, feature: str) -> tuple[float, str]:
        """The largest distance beyond chance, and where that is said."""
        if feature in self.thresholds:
            return self.thresholds[feature], f"{self.rule}_comparator of the schema"
        key = "max_divergence" if feature in NUMBERS else "max_distance"
        return getattr(self.options, key), f"gate.{self.rule}.{key}"


def comparators(schema: schema_pb2.Schema, rule: Literal["drift", "skew"]) -> dict[str, float]:
    """Feature to the threshold of its ``drift_comparator`` or ``skew_comparator``, by the formula that suits it."""
    found = {}
    for feature in schema.feature:
        comparator = getattr(feature, f"{rule}_comparator")
        kind = "jensen_shannon_divergence" if feature.name in NUMBERS else "infinity_norm"
        if comparator.HasField(kind):
            found[feature.name] = getattr(comparator, kind).threshold
    return found


def check_shifts(rows: Rows, reference: Profile, comparison: Comparison) -> Iterator[Finding]:
    """Compares every number and category; nothing where either side has no row."""
    if not rows.ids or not reference.rows:
        return
    # The variance of a difference of two shares, in units of p (1 - p): both samples are small or large by what is
    # independent in them.
    spread = 1 / rows.effective + 1 / reference.effective
    for name in NUMBERS:
        yield from _check_number(name, rows, reference.numbers[name], spread, comparison)
    for name in CATEGORIES:
        yield from _check_category(name, rows, reference.categories[name], spread, comparison)


def _check_number(
    name: str, rows: Rows, reference: NumberProfile, spread: float, comparison: Comparison
) -> Iterator[Finding]:
    """The Jensen-Shannon divergence over the reference's ``bins`` (J. Lin, "Divergence measures based on the Shannon
    entropy", 1991), in bits.

    Of two samples of one distribution over k bins it is, to second order, spread / (8 ln 2) times a chi-squared value
    of k - 1 degrees of freedom (I. Grosse et al., "Analysis of symbolic sequences using the Jensen-Shannon divergence",
    2002, with equal weights): that is added to what is allowed.
    """
    before, now = np.array(reference.counts), count_bins(rows.numbers[name], reference.edges)
    measured = float(jensenshannon(before, now, base=2) ** 2)
    degrees = max(np.count_nonzero(before + now) - 1, 1)
    chance = spread / (8 * math.log(2)) * float(chi2.isf(_FALSE_ALARM, degrees))
    if measured > comparison.allowed(name)[0] + chance:
        # Rows of bins that the reference hardly has, the most unlikely first; half a row keeps empty bins apart.
        gain = ((now + 0.5) / now.sum()) / ((before + 0.5) / before.sum())
        of_rows = gain[bins(rows.numbers[name], reference.edges)]
        ids = rows.ids_by(of_rows, of_rows > 1)
        yield _shifted(name, comparison, (JENSEN_SHANNON, measured, chance), ids)


def _check_category(
    name: str, rows: Rows, reference: Mapping[str, int], spread: float, comparison: Comparison
) -> Iterator[Finding]:
    """The greatest difference of two shares of one value.

    To what is allowed is added what chance may do: z sqrt(p (1 - p) spread) of the pooled share p, the test of two
    proportions, with z for all the values together (Bonferroni).
    """
    counts = count_values(rows, name)
    before_all, now_all = sum(reference.values()), sum(counts.values())
    z = float(norm.isf(_FALSE_ALARM / 2 / len(set(reference) | set(counts))))
    allowed = comparison.allowed(name)[0]
    shifts = []
    for value in sorted(set(reference) | set(counts)):
        before, now = reference.get(value, 0) / before_all, counts[value] / now_all
        pooled = (reference.get(value, 0) + counts[value]) / (before_all + now_all)
        chance = z * math.sqrt(pooled * (1 - pooled) * spread)
        # Where one of two values loses what the other gains, the one that has rows to show.
        shifts.append((round(abs(now - before) - chance, 9), now > before, value, abs(now - before), chance))
    beyond, _, value, measured, chance = max(shifts)
    if beyond > allowed:
        ids = rows.ids_where(lambda values: value in values, name)
        yield _shifted(name, comparison, (L_INFINITY, measured, chance), ids, f" of '{value}'")


def _shifted(
    name: str, comparison: Comparison, found: tuple[str, float, float], ids: tuple[str, ...], what: str = ""
) -> Finding:
    formula, measured, chance = found
    allowed, key = comparison.allowed(name)
    verb = "drifted" if comparison.rule == "drift" else "is skewed"
    message = (
        f"split '{comparison.split}', feature '{name}' {verb}: {formula}{what} {measured:.3f} from "
        f"{comparison.reference}, {key} allows {allowed:g} and chance {chance:.3f}{rows_with(ids)}; look at what "
        "changed in the data, or raise it"
    )
    return Finding(
        comparison.rule,
        comparison.options.severity,
        message,
        name,
        comparison.split,
        measured,
        formula,
        allowed + chance,
        ids[:MAX_IDS],
    )
