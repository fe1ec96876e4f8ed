"""Artifact types that TFX does not have. ``diptych`` exports them by their TYPE_NAME, as Kubeflow needs."""

from __future__ import annotations

import json
import os
from typing import Any

from tfx.dsl.io import fileio
from tfx.types.artifact import Artifact


class Rejects(Artifact):
    """The rows that became no example (``rejects.jsonl``) and the account of all rows (``account.json``)."""

    TYPE_NAME = "diptych.Rejects"


class Verdict(Artifact):
    """What the data gate found (``verdict.json``)."""

    TYPE_NAME = "diptych.Verdict"


class Metrics(Artifact):
    """Figures of a model on the test split (``metrics.json``)."""

    TYPE_NAME = "diptych.Metrics"


class Report(Artifact):
    """One page over all that a run came to (``report.html``)."""

    TYPE_NAME = "diptych.Report"


def write_json(uri: str, name: str, value: Any) -> None:
    """Writes ``<uri>/<name>`` as indented JSON with sorted keys."""
    fileio.makedirs(uri)
    with fileio.open(os.path.join(uri, name), "w") as file:
        file.write(json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False) + "\n")


def read_json(uri: str, name: str) -> Any:
    """Reads ``<uri>/<name>``."""
    with fileio.open(os.path.join(uri, name)) as file:
        return json.loads(file.read())
