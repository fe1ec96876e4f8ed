"""What the step Report puts out for Kubeflow Pipelines' own pages, which draw none of TFX's artifact types.

The front end draws artifacts of three types of KFP: ``system.HTML``, whose URI is the page's file; ``system.Metrics``,
in which each custom property is a line; and ``system.ClassificationMetrics``, of which it draws the confusion matrix.
TFX knows none of these types: its executor is not told of them, and they are added to the ExecutorOutput it writes.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from diptych.components.artifacts import (
    ACCOUNT_FILE,
    CONFUSION_FILE,
    DECISION_FILE,
    METRICS_FILE,
    REPORT_FILE,
    read_json,
)
from diptych.kubeflow.container.task import Task
from diptych.kubeflow.kfp_outputs import CONFUSION, HTML, KFP_OUTPUTS, METRICS

_SHOWN_METRICS = ("accuracy", "macro_f1", "micro_f1")
# Shown for an actual label that train lacks, which has no name in the evaluation.
_UNKNOWN_LABEL = "(not in train)"


@contextmanager
def adapt_report(task: Task) -> Iterator[None]:
    """Adds the outputs of KFP's types to the ExecutorOutput of the step Report, after its executor."""
    from tfx.dsl.io import fileio

    yield
    inputs = {name: found.artifacts[0].uri for name, found in task.executor_input.inputs.artifacts.items()}
    report = task.executor_input.outputs.artifacts["report"].artifacts[0].uri
    outputs: dict[str, dict[str, Any]] = {
        HTML: {"uri": os.path.join(report, REPORT_FILE), "metadata": {}},
        METRICS: {"metadata": metrics_metadata(inputs)},
        CONFUSION: {"metadata": confusion_metadata(read_json(inputs["evaluation"], CONFUSION_FILE))},
    }
    with fileio.open(task.executor_input.outputs.output_file) as file:
        output = json.loads(file.read())
    for name, artifact in outputs.items():
        # Without a URI, KFP keeps its own.
        output["artifacts"][name] = {
            "artifacts": [{"name": name, "type": {"schemaTitle": KFP_OUTPUTS[name]}, **artifact}]
        }
    task.write_output(output)


def metrics_metadata(inputs: Mapping[str, str]) -> dict[str, float]:
    """The metadata of the ``system.Metrics``: metrics of the network and the baseline on test, and numbers of rows.

    Args:
        inputs: path of each input of the step, by name.
    """
    from kfp.dsl import Metrics

    account = read_json(inputs["rejects"], ACCOUNT_FILE)
    network = read_json(inputs["evaluation"], DECISION_FILE)["metrics"]
    baselines = read_json(inputs["linear_baseline"], METRICS_FILE)
    values = {
        **{name: network.get(name) for name in _SHOWN_METRICS},
        **{
            f"{modality}_baseline_{name}": baseline.get(name)
            for modality, baseline in baselines.items()
            for name in _SHOWN_METRICS
        },
        "rows": account["rows"],
        "rejects": sum(account["rejects"].values()),
    }
    metrics = Metrics()
    for name, value in values.items():
        if value is not None:
            metrics.log_metric(name, float(value))
    return dict(metrics.metadata)


def confusion_metadata(counts: Mapping[str, Mapping[str, int]]) -> dict[str, Any]:
    """The metadata of the ``system.ClassificationMetrics``; empty for multilabel models, which have no such matrix.

    A row stands for an actual label, a column for a predicted one. Of many labels, those with most errors are shown.

    Args:
        counts: actual label to predicted label to number of examples.
    """
    from kfp.dsl import ClassificationMetrics

    from diptych.components.report.page_charts import choose_confused_labels

    labels = choose_confused_labels(counts)
    metrics = ClassificationMetrics()
    if labels:
        matrix = [[counts.get(actual, {}).get(predicted, 0) for predicted in labels] for actual in labels]
        metrics.log_confusion_matrix([label or _UNKNOWN_LABEL for label in labels], matrix)
    return json.loads(json.dumps(metrics.metadata))  # type: ignore[no-any-return]
