"""The artifact types that TFX does not have; ``diptych.components.artifacts`` lists the files in them.

The package ``diptych`` exports each class by the name that its ``TYPE_NAME`` says: Kubeflow imports types by that name.
"""

from __future__ import annotations

from tfx.types.artifact import Artifact

#: Key of a component's input or output to its artifacts, as executors are given them.
ArtifactsByKey = dict[str, list[Artifact]]


class Rejects(Artifact):
    """The rows that became no example, and the account of all rows."""

    TYPE_NAME = "diptych.Rejects"


class DecodedSlice(Artifact):
    """The records of a slice of the catalogue, and the index of them, before it is decided what becomes of each."""

    TYPE_NAME = "diptych.DecodedSlice"


class Verdict(Artifact):
    """What the data gate found, and whether the run may go on."""

    TYPE_NAME = "diptych.Verdict"


class Metrics(Artifact):
    """A model's metrics on the test split."""

    TYPE_NAME = "diptych.Metrics"


class Report(Artifact):
    """One HTML page about everything that a run produced."""

    TYPE_NAME = "diptych.Report"
