"""What the gate looks for, from where on, and what becomes of what it finds."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from diptych.models.options import Options

Severity = Literal["ignore", "warn", "stop"]

_SEVERITY = "What a finding does: nothing (ignore), stand in verdict and report (warn), or end the run (stop)."


class Rule(Options):
    """A rule that warns unless it is told otherwise."""

    severity: Severity = Field("warn", description=_SEVERITY)


class RejectsRule(Options):
    """Rows that became no example; fewer than would stop the run are told as well, unless that is ``ignore``."""

    severity: Severity = Field("stop", description=_SEVERITY)
    max: float = Field(0.1, ge=0, le=1, description="The largest share of the rows that may be rejected.")


class AnomalyRule(Options):
    """What ExampleValidator finds against the schema, by the severity that TensorFlow Data Validation gives it."""

    error: Severity = Field("stop", description="Of an anomaly that is an error.")
    warning: Severity = Field("warn", description="Of an anomaly that is a warning.")


class ShiftRule(Rule):
    """How far distributions may lie apart, beyond what chance does to so few rows.

    A schema's ``drift_comparator`` or ``skew_comparator`` of a feature wins over what is said here.
    """

    max_divergence: float = Field(
        0.03,
        gt=0,
        le=1,
        description="The largest Jensen-Shannon divergence of a number, in bits; 0.03 is what 6 % of the rows, moved "
        "where no other is, bring about.",
    )
    max_distance: float = Field(
        0.1, gt=0, le=1, description="The largest L-infinity distance of the shares of label, format, encoding, script."
    )


class LabelRareRule(Rule):
    """Labels of few rows."""

    min_rows: int = Field(5, ge=1, description="The fewest rows of train that a label should have.")


class LabelTypoRule(Rule):
    """Rare labels that are written nearly like a frequent one."""

    similarity: float = Field(
        0.8, gt=0, le=1, description="From which Ratcliff-Obershelp similarity on two labels are near; 1 is equality."
    )
    max_share: float = Field(
        0.05, gt=0, lt=1, description="The most rows of the rare label for each row of the frequent one."
    )


class ShareRule(Rule):
    """A share of rows or words that may be no larger."""

    max: float = Field(0.0, ge=0, le=1, description="The largest share that is not told.")


class NearDuplicatesRule(ShareRule):
    """Images that look like one of an earlier split; a catalogue of icons is full of them, so it must be asked for."""

    severity: Severity = Field("ignore", description=_SEVERITY)
    distance: int = Field(3, ge=0, le=15, description="Differing bits, of 64, up to which two images are near.")


class VocabularyRule(ShareRule):
    """Words of val and test that train lacks, beyond what is to be expected of as many other rows."""

    max: float = Field(
        0.03,
        ge=0,
        le=1,
        description="How much larger than expected the share of unknown words may be; expected is that of the words "
        "which only one group of train has.",
    )


class SizeRule(Rule):
    """Width, height, aspect and bytes of image files far from all others."""

    factor: float = Field(
        4.0, gt=1, description="How many times beyond the range of the middle 99 % of the rows a value may lie."
    )


class GateOptions(Options):
    """What data may go on to training. A label that cannot be learned always stops the run."""

    rejects: RejectsRule = RejectsRule()
    anomaly: AnomalyRule = AnomalyRule()
    drift: ShiftRule = Field(ShiftRule(), description="Train against the last data that a gate accepted.")
    skew: ShiftRule = Field(ShiftRule(), description="Val and test against train.")
    label_lost: Rule = Field(Rule(), description="Labels of the last accepted data that train lacks.")
    label_rare: LabelRareRule = LabelRareRule()
    label_typo: LabelTypoRule = LabelTypoRule()
    duplicates: ShareRule = Field(ShareRule(), description="Rows of val and test whose pixels an earlier split has.")
    near_duplicates: NearDuplicatesRule = Field(
        NearDuplicatesRule(), description="Rows of val and test whose image looks like one of an earlier split."
    )
    vocabulary: VocabularyRule = VocabularyRule()
    size: SizeRule = SizeRule()
    new_format: ShareRule = Field(ShareRule(), description="Rows of a file format that the last accepted data lacks.")
    new_script: ShareRule = Field(ShareRule(), description="Rows in a script that the last accepted data lacks.")
