"""Drift and skew: how far the distributions of a split are from others, beyond what chance explains."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.spatial.distance import jensenshannon
from scipy.stats import chi2, norm
from tensorflow_metadata.proto.v0 import schema_pb2

from diptych.components.data_gate.findings import Finding, mention_ids
from diptych.components.data_gate.options import ShiftRule
from diptych.components.data_gate.profile import NumericProfile, SplitProfile, bin_counts, bin_indices, count_values
from diptych.components.data_gate.split_rows import CATEGORICAL_FEATURES, NUMERIC_FEATURES, SplitRows

JENSEN_SHANNON = "Jensen-Shannon divergence"
L_INFINITY = "L-infinity distance"

# The probability of exceeding a threshold by chance, for each feature and split of a run.
_FALSE_ALARM = 1e-4


@dataclass(frozen=True)
class DistributionComparison:
    """Which split is compared with which data, and the thresholds.

    Attributes:
        rule: the key of the options in ``gate``.
        split: the split.
        reference: what the other data are called in messages.
        options: the thresholds of features that the schema has no comparator for.
        thresholds: feature to the threshold of its comparator in the schema.
    """

    rule: Literal["drift", "skew"]
    split: str
    reference: str
    options: ShiftRule
    thresholds: Mapping[str, float]

    def threshold(self, feature: str) -> tuple[float, str]:
        """The largest distance that is allowed beyond chance, and the name of the setting that says so."""
        if feature in self.thresholds:
            return self.thresholds[feature], f"{self.rule}_comparator of the schema"
        key = "max_divergence" if feature in NUMERIC_FEATURES else "max_distance"
        return getattr(self.options, key), f"gate.{self.rule}.{key}"


@dataclass(frozen=True)
class _Distance:
    """How far a feature is from the reference, and how far it may be by chance; ``value`` is the category concerned."""

    formula: str
    measured: float
    chance: float
    value: str | None = None


def schema_thresholds(schema: schema_pb2.Schema, rule: Literal["drift", "skew"]) -> dict[str, float]:
    """Feature to the threshold of its ``drift_comparator`` or ``skew_comparator``.

    Only the Jensen-Shannon divergence of numbers and the L-infinity norm of other features are looked at.
    """
    found = {}
    for feature in schema.feature:
        comparator = getattr(feature, f"{rule}_comparator")
        formula = "jensen_shannon_divergence" if feature.name in NUMERIC_FEATURES else "infinity_norm"
        if comparator.HasField(formula):
            found[feature.name] = getattr(comparator, formula).threshold
    return found


def check_shifts(rows: SplitRows, reference: SplitProfile, comparison: DistributionComparison) -> Iterator[Finding]:
    """Compares every numeric and categorical feature; finds nothing if either side has no rows."""
    if not rows.ids or not reference.rows:
        return
    # The variance of the difference of two shares, divided by p (1 - p). The sample sizes are effective ones.
    variance = 1 / rows.effective_sample_size + 1 / reference.effective_sample_size
    for name in NUMERIC_FEATURES:
        yield from _check_number(name, rows, reference.numbers[name], variance, comparison)
    for name in CATEGORICAL_FEATURES:
        yield from _check_category(name, rows, reference.categories[name], variance, comparison)


def _check_number(
    name: str, rows: SplitRows, reference: NumericProfile, variance: float, comparison: DistributionComparison
) -> Iterator[Finding]:
    """Measures the Jensen-Shannon divergence over the bins of the reference, in bits.

    J. Lin, "Divergence measures based on the Shannon entropy" (1991). Of two samples of one distribution over k bins
    it is, to second order, variance / (8 ln 2) times a chi-squared value of k - 1 degrees of freedom (I. Grosse et
    al., "Analysis of symbolic sequences using the Jensen-Shannon divergence", 2002, with equal weights). A quantile of
    that is added to the threshold.
    """
    expected, observed = np.array(reference.counts), bin_counts(rows.numbers[name], reference.edges)
    measured = float(jensenshannon(expected, observed, base=2) ** 2)
    degrees = max(np.count_nonzero(expected + observed) - 1, 1)
    chance = variance / (8 * math.log(2)) * float(chi2.isf(_FALSE_ALARM, degrees))
    if measured > comparison.threshold(name)[0] + chance:
        # Named first are the rows in the bins that have gained most. Half a row is added so that no bin is empty.
        gain = ((observed + 0.5) / observed.sum()) / ((expected + 0.5) / expected.sum())
        gain_of_row = gain[bin_indices(rows.numbers[name], reference.edges)]
        ids = rows.ids_of_greatest(gain_of_row, gain_of_row > 1)
        yield _make_finding(name, comparison, _Distance(JENSEN_SHANNON, measured, chance), ids)


def _check_category(
    name: str, rows: SplitRows, reference: Mapping[str, int], variance: float, comparison: DistributionComparison
) -> Iterator[Finding]:
    """Measures the greatest difference between the two shares of one value.

    Added to the threshold is z sqrt(p (1 - p) variance), with the pooled share p: the test of two proportions, where z
    holds for all values together (Bonferroni).
    """
    counts = count_values(rows, name)
    expected_total, observed_total = sum(reference.values()), sum(counts.values())
    values = sorted(set(reference) | set(counts))
    z = float(norm.isf(_FALSE_ALARM / 2 / len(values)))
    differences = []
    for value in values:
        difference = counts[value] / observed_total - reference.get(value, 0) / expected_total
        pooled = (reference.get(value, 0) + counts[value]) / (expected_total + observed_total)
        chance = z * math.sqrt(pooled * (1 - pooled) * variance)
        # If one of two values loses what the other gains, the gaining one is chosen: it has rows to name.
        differences.append((round(abs(difference) - chance, 9), difference > 0, value, abs(difference), chance))
    beyond_chance, _, value, measured, chance = max(differences)
    if beyond_chance > comparison.threshold(name)[0]:
        ids = rows.ids_where(lambda of_row: value in of_row, name)
        yield _make_finding(name, comparison, _Distance(L_INFINITY, measured, chance, value), ids)


def _make_finding(name: str, comparison: DistributionComparison, distance: _Distance, ids: tuple[str, ...]) -> Finding:
    threshold, key = comparison.threshold(name)
    verb = "drifted" if comparison.rule == "drift" else "is skewed"
    of_value = f" of '{distance.value}'" if distance.value is not None else ""
    message = (
        f"split '{comparison.split}', feature '{name}' {verb}: {distance.formula}{of_value} {distance.measured:.3f} "
        f"from {comparison.reference}, {key} allows {threshold:g} and chance {distance.chance:.3f}{mention_ids(ids)}; "
        "look at what changed in the data, or raise it"
    )
    return Finding(
        comparison.rule,
        comparison.options.severity,
        message,
        name,
        comparison.split,
        measured=distance.measured,
        formula=distance.formula,
        threshold=threshold + distance.chance,
        ids=ids,
    )
