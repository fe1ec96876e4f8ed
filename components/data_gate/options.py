"""The options of the data gate: for each rule its thresholds, and what a finding does to the run."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from diptych.models.options import Options

Severity = Literal["ignore", "warn", "stop"]

_SEVERITY = "What a finding does: nothing (ignore), appear in verdict and report (warn), or also stop the run (stop)."


class Rule(Options):
    """A rule of the gate. By default its findings warn."""

    severity: Severity = Field("warn", description=_SEVERITY)


class RejectsRule(Options):
    """Rows that became no example. A share within the limit is a warning, unless the severity is ``ignore``."""

    severity: Severity = Field("stop", description=_SEVERITY)
    max: float = Field(0.1, ge=0, le=1, description="The largest share of the rows that may be rejected.")


class AnomalyRule(Options):
    """What violates the schema, by the severity that TensorFlow Data Validation gives to it."""

    error: Severity = Field("stop", description="What an anomaly that is an error does.")
    warning: Severity = Field("warn", description="What an anomaly that is a warning does.")


class ShiftRule(Rule):
    """How far distributions may be apart, beyond what chance explains with that number of rows.

    A feature's ``drift_comparator`` or ``skew_comparator`` in the schema takes precedence over these thresholds.
    """

    max_divergence: float = Field(
        0.03,
        gt=0,
        le=1,
        description="The largest Jensen-Shannon divergence of a number, in bits. It is about 0.03 if 6 % of the rows "
        "have values that no row had before.",
    )
    max_distance: float = Field(
        0.1, gt=0, le=1, description="The largest L-infinity distance of the shares of label, format, encoding, script."
    )


class LabelRareRule(Rule):
    """Labels that have few rows."""

    min_rows: int = Field(5, ge=1, description="The fewest rows of train that a label should have.")


class LabelTypoRule(Rule):
    """Rare labels that are spelled almost like a frequent one."""

    similarity: float = Field(
        0.8,
        gt=0,
        le=1,
        description="The least Ratcliff-Obershelp similarity of two labels that may be the same; 1 is equality.",
    )
    max_share: float = Field(
        0.05, gt=0, lt=1, description="The most rows of the rare label for each row of the frequent one."
    )


class LabelFromTextRule(Rule):
    """Descriptions that decide the label: a linear model of the texts alone makes no mistake in val and test."""

    accuracy: float = Field(1.0, gt=0, le=1, description="The least accuracy of that model that is a finding.")


class LabelFromFileRule(Rule):
    """Files whose format, size in pixels or number of bytes tells the label: what the model may learn in its place."""

    kappa: float = Field(
        0.9, gt=0, le=1, description="The least Cohen's kappa of a decision tree of these properties that is a finding."
    )


class ShareRule(Rule):
    """A rule about a share of rows or words, which may not exceed a limit."""

    max: float = Field(0.0, ge=0, le=1, description="The largest share that is no finding.")


class LabelInTextRule(ShareRule):
    """Descriptions that name the label of their row, word for word, and no other label."""

    max: float = Field(0.5, ge=0, le=1, description="The largest share of the rows that is no finding.")


class TextIsIdRule(ShareRule):
    """Descriptions that look like ids, numbers, paths or names of files, nearly all of them distinct."""

    max: float = Field(0.5, ge=0, le=1, description="The largest share of the descriptions that is no finding.")


class NearDuplicatesRule(ShareRule):
    """Images that look like one of an earlier split; off by default, because catalogues of icons are full of them."""

    severity: Severity = Field("ignore", description=_SEVERITY)
    distance: int = Field(
        3, ge=0, le=15, description="The most bits, of 64, in which the perceptual hashes of similar images differ."
    )


class StraddlingRule(ShareRule):
    """Rows that declared splits have in common: equal images, and rows of one group."""

    severity: Severity = Field("stop", description=_SEVERITY)
    near: Severity = Field("warn", description="What a finding about similar images in several declared splits does.")


class VocabularyRule(ShareRule):
    """Words of val and test that train lacks, beyond the share that is to be expected in new rows."""

    max: float = Field(
        0.03,
        ge=0,
        le=1,
        description="By how much the share of unknown words may exceed the expected one, which is the share of the "
        "words that only one group of train has.",
    )


class SizeRule(Rule):
    """Image files whose width, height, aspect or number of bytes is far from those of all others."""

    factor: float = Field(
        4.0, gt=1, description="How many times a value may be beyond the range of the middle 99 % of the rows."
    )


class GateOptions(Options):
    """Which data may be trained on. Labels that cannot be learned always stop the run; they have no options."""

    rejects: RejectsRule = RejectsRule()
    anomaly: AnomalyRule = AnomalyRule()
    drift: ShiftRule = Field(
        ShiftRule(), description="Distributions of train that differ from those of the last data that a gate accepted."
    )
    skew: ShiftRule = Field(ShiftRule(), description="Distributions of val and test that differ from those of train.")
    label_lost: Rule = Field(Rule(), description="Labels of the last accepted data that train lacks.")
    label_rare: LabelRareRule = LabelRareRule()
    label_typo: LabelTypoRule = LabelTypoRule()
    label_spelling: Rule = Field(Rule(), description="Labels that differ only in case, spaces or Unicode form.")
    label_form: Rule = Field(
        Rule(), description="Labels that look like lists of labels, or are measured numbers with decimals."
    )
    label_coverage: Rule = Field(
        Rule(), description="Labels with too few rows to be in each split, and labels that test lacks."
    )
    label_conflict: ShareRule = Field(ShareRule(), description="Rows of equal images that have different labels.")
    label_in_text: LabelInTextRule = LabelInTextRule()
    label_from_text: LabelFromTextRule = LabelFromTextRule()
    text_is_id: TextIsIdRule = TextIsIdRule()
    label_from_file: LabelFromFileRule = LabelFromFileRule()
    duplicates: ShareRule = Field(ShareRule(), description="Rows of val and test whose pixels an earlier split has.")
    near_duplicates: NearDuplicatesRule = Field(
        NearDuplicatesRule(), description="Rows of val and test whose image looks like one of an earlier split."
    )
    straddling: StraddlingRule = StraddlingRule()
    vocabulary: VocabularyRule = VocabularyRule()
    size: SizeRule = SizeRule()
    new_format: ShareRule = Field(ShareRule(), description="Rows of a file format that the last accepted data lack.")
    new_script: ShareRule = Field(ShareRule(), description="Rows in a script that the last accepted data lack.")
