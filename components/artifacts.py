"""The artifact contract: which files lie in an artifact's folder, and what they hold.

| artifact | file | content |
| --- | --- | --- |
| Examples | ``Split-<split>/data-*.tfrecord`` or ``.tfrecord.gz`` | the records of ``diptych.models.features`` |
| Rejects | ``rejects.jsonl`` | a line for each row that became no example, in the catalogue's order |
| Rejects | ``account.json`` | how many rows, examples by split, rejects by reason; how images are stored |
| DecodedSlice | see ``diptych.components.example_gen.decoded_slices`` | on Kubeflow, with ``kubeflow.fan_out`` |
| ExampleStatistics | ``Split-<split>/FeatureStats.pb`` | TFDV's ``DatasetFeatureStatisticsList`` |
| Schema | ``schema.pbtxt`` | TensorFlow Metadata's ``Schema`` |
| ExampleAnomalies | ``Split-<split>/SchemaDiff.pb`` | TFDV's ``Anomalies`` |
| Verdict | ``verdict.json`` | whether the data passed, the findings of the data gate, and what it looked for |
| Verdict | ``reference/FeatureStats.pb`` | the statistics of train that drift was measured from, if there were any |
| Metrics | ``metrics.json`` | modality to the metrics of the linear baseline on it, on the test split |
| Metrics | ``predictions.parquet`` | of each row of test its id, labels, and the labels predicted on each modality |
| Metrics | ``suspicious_labels.jsonl`` | rows whose labels the linear baseline contradicts, the surest first |
| Model | see ``diptych.models.serving.card`` | the exported model and its card |
| ModelEvaluation | ``decision.json`` | whether the model is blessed and why; its metrics, and other models' |
| ModelEvaluation | ``predictions.parquet`` | of each row of test its id, labels, predictions, best score, mistake |
| ModelEvaluation | ``calibration.json`` | decisions by their confidence: how many, and how many are correct |
| ModelEvaluation | ``per_label.json`` | precision, recall, F1 and number of examples of each label |
| ModelEvaluation | ``confusion.json`` | actual label to predicted label to number of examples; empty for multilabel |
| ModelBlessing | ``BLESSED`` or ``NOT_BLESSED`` | nothing: the name says it |
| Report | ``report.html`` | the page |

Beside each artifact's folder lies its manifest, as ``diptych.models.manifests`` writes it.

Two folders are no artifacts. ``stopped``, beside the Verdicts' own folders, has the files of the Verdict that stopped a
run: TFX deletes the outputs of a component that failed. ``accepted/<version>`` in the push directory has the profiles
and statistics of the data that the gate let pass last, in ``profiles.json`` and ``FeatureStats.pb``.

Importing this module imports neither TFX nor TensorFlow. The artifact types are in ``artifact_types``.
"""

from __future__ import annotations

import json
import os
from typing import Any

from diptych.components.catalogue.transfer import read_whole, write_whole

REJECTS_FILE = "rejects.jsonl"
ACCOUNT_FILE = "account.json"

#: TFX's ``tfx.components.statistics_gen.executor.DEFAULT_FILE_NAME``.
STATISTICS_FILE = "FeatureStats.pb"
#: TFX's ``tfx.components.schema_gen.executor.DEFAULT_FILE_NAME``.
SCHEMA_FILE = "schema.pbtxt"
#: TFX's ``tfx.components.example_validator.executor.DEFAULT_FILE_NAME``.
ANOMALIES_FILE = "SchemaDiff.pb"

VERDICT_FILE = "verdict.json"
REFERENCE_FOLDER = "reference"
STOPPED_FOLDER = "stopped"
ACCEPTED_FOLDER = "accepted"
PROFILES_FILE = "profiles.json"

METRICS_FILE = "metrics.json"
#: Columns ``id``, ``label`` (a list of labels, as all that follow) and the predictions: of the linear baseline a column
#: for each modality; of the network ``predicted``, the ``score`` of its best label, and of what it predicts wrongly the
#: label with the best score and this score, ``wrong`` and ``wrong_score``, which are null where nothing is wrong.
PREDICTIONS_FILE = "predictions.parquet"

#: A line for each row: ``id``, ``split``, ``place`` (its index in the split), ``given`` and ``suggested`` (lists of
#: labels), and ``confidence``, by how much the score of what is suggested exceeds that of what is given.
SUSPICIOUS_LABELS_FILE = "suspicious_labels.jsonl"

DECISION_FILE = "decision.json"
PER_LABEL_FILE = "per_label.json"
CONFUSION_FILE = "confusion.json"
#: A list of ``diptych.models.statistics.row_predictions.CalibrationBin``.
CALIBRATION_FILE = "calibration.json"
#: TFX's ``tfx.components.evaluator.constants.BLESSED_FILE_NAME``.
BLESSED_FILE = "BLESSED"

#: The name of the last blessed model in ``decision.json``, among the models that the network was compared with.
LAST_BLESSED = "last blessed model"

REPORT_FILE = "report.html"


def modality_name(modality: str) -> str:
    """A modality of the linear baseline in words: ``both`` is image and text."""
    return "image + text" if modality == "both" else modality


def baseline_name(modality: str) -> str:
    """The name of the linear baseline on a modality in ``decision.json``."""
    return f"linear {modality_name(modality)} baseline"


def split_folder(uri: str, split: str) -> str:
    """The folder of one split in an artifact that has one folder for each."""
    return os.path.join(uri, f"Split-{split}")


def stopped_verdict_folder(verdict_uri: str) -> str:
    """Where the gate keeps the verdict that stopped a run.

    Args:
        verdict_uri: the folder of any Verdict of the same pipeline.
    """
    return os.path.join(os.path.dirname(verdict_uri.rstrip("/")), STOPPED_FOLDER)


def write_json(uri: str, name: str, value: Any) -> None:
    """Writes ``<uri>/<name>`` as indented JSON with sorted keys."""
    text = json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
    write_whole(os.path.join(uri, name), text.encode())


def read_json(uri: str, name: str) -> Any:
    """Reads ``<uri>/<name>``."""
    return json.loads(read_whole(os.path.join(uri, name)))
