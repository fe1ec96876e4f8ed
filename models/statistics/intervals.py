"""Confidence intervals of a figure."""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import NamedTuple

#: A standard deviation that is less than this is due to rounding.
NO_DEVIATION = 1e-9


class Interval(NamedTuple):
    """From where to where a figure may lie."""

    low: float
    high: float

    @property
    def half_width(self) -> float:
        """Half of the distance between the ends."""
        return (self.high - self.low) / 2


def two_sided_z(confidence: float) -> float:
    """How many standard deviations to either side of its mean hold so large a share of a normal distribution."""
    return NormalDist().inv_cdf((1 + confidence) / 2)


def wilson_interval(share: float, rows: int, confidence: float) -> Interval:
    """The interval of a share of independent rows, also where all rows or none are in it.

    Wilson, "Probable inference, the law of succession, and statistical inference" (1927); in the form of Brown, Cai and
    DasGupta, "Interval estimation for a binomial proportion" (2001), equation 4.

    Args:
        rows: at least 1.
        confidence: 0 to 1, both excluded.
    """
    z = two_sided_z(confidence)
    shrink = 1 + z**2 / rows
    centre = (share + z**2 / (2 * rows)) / shrink
    half_width = z / shrink * math.sqrt(share * (1 - share) / rows + z**2 / (4 * rows**2))
    return Interval(max(0.0, centre - half_width), min(1.0, centre + half_width))


def figure_interval(figure: float, deviation: float, rows: int, confidence: float) -> Interval:
    """The interval of a figure between 0 and 1 that is no share: the figure and so many standard deviations about it.

    Efron and Tibshirani, "An introduction to the bootstrap" (1993), section 13.3. The percentiles of macro-F1, whose
    bootstrapped values are too low where labels are rare, would cover less often.

    Args:
        deviation: the standard deviation of the figure over resampled rows. It is 0 where every row is right, or every
            row is wrong: no resample differs, and Wilson's interval for such a share is taken.
        rows: number of rows that the figure was measured on.
    """
    if deviation < NO_DEVIATION:
        return wilson_interval(figure, rows, confidence)
    half_width = two_sided_z(confidence) * deviation
    return Interval(max(0.0, figure - half_width), min(1.0, figure + half_width))
