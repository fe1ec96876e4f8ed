"""Drift: how far the training split has moved from the last one that a gate accepted.

The accepted statistics lie beside the pushed models, where every machine and every orchestrator finds them: open-source
Kubeflow runs no Resolver, which would ask the metadata store.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator

import tensorflow_data_validation as tfdv
from tensorflow_metadata.proto.v0 import schema_pb2, statistics_pb2
from tfx.dsl.io import fileio

from components.data_gate.findings import Finding
from components.data_gate.options import GateOptions
from models import features
from models.versions import newest

ACCEPTED = "accepted"
STATISTICS_FILE = "FeatureStats.pb"

# Numbers have no domain to count by; of texts only the label has few enough values.
_NUMBERS = tuple(name for name in features.LIGHT_FEATURES if features.RECORD[name].kind in ("int64", "float"))
_L_INFINITY = "L-infinity distance"
_JENSEN_SHANNON = "Jensen-Shannon divergence"


def check_drift(statistics_file: str, push_directory: str, options: GateOptions) -> Iterator[Finding]:
    """Compares with the last accepted statistics, if there are any.

    The label's shares are compared by the L-infinity distance, numbers by the Jensen-Shannon divergence, both from 0 to
    1, as TensorFlow Data Validation computes them.
    """
    accepted = newest(os.path.join(push_directory, ACCEPTED))
    if options.drift == "ignore" or accepted is None:
        return
    now = tfdv.load_stats_binary(statistics_file)
    before = tfdv.load_stats_binary(os.path.join(accepted, STATISTICS_FILE))
    found = tfdv.validate_statistics(now, _schema(now, options.max_drift), previous_statistics=before)
    for info in found.drift_skew_info:
        feature = ".".join(info.path.step)
        formula = _L_INFINITY if feature == features.LABEL else _JENSEN_SHANNON
        for measured in info.drift_measurements:
            if measured.value > measured.threshold:
                yield Finding(
                    options.drift == "stop",
                    f"split '{features.TRAIN}', feature '{feature}' drifted: {formula} {measured.value:.3f} from the "
                    f"last accepted data, gate.max_drift allows {measured.threshold:g}; look at what changed in the "
                    "data, or raise it",
                )


def accept(statistics_file: str, push_directory: str) -> None:
    """Keeps the statistics as the last accepted ones, unless they are already."""
    with fileio.open(statistics_file, "rb") as file:
        content = file.read()
    root = os.path.join(push_directory, ACCEPTED)
    last = newest(root)
    if last is not None:
        with fileio.open(os.path.join(last, STATISTICS_FILE), "rb") as file:
            if file.read() == content:
                return
    number = max(int(time.time()), 1 + int(os.path.basename(last)) if last else 0)
    folder = os.path.join(root, str(number))
    fileio.makedirs(folder)
    with fileio.open(os.path.join(folder, STATISTICS_FILE), "wb") as file:
        file.write(content)


def _schema(statistics: statistics_pb2.DatasetFeatureStatisticsList, threshold: float) -> schema_pb2.Schema:
    """A schema that knows nothing but what may drift how far."""
    schema = tfdv.infer_schema(statistics)
    for feature in schema.feature:
        if feature.name == features.LABEL:
            feature.drift_comparator.infinity_norm.threshold = threshold
        elif feature.name in _NUMBERS:
            feature.drift_comparator.jensen_shannon_divergence.threshold = threshold
    return schema
