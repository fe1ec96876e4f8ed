"""``diptych schema``: proposes a schema from the data; once reviewed, it rules (``data.schema_file``)."""

from __future__ import annotations

import difflib
import math
import os
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from diptych.components.artifacts import STATISTICS_FILE
from diptych.components.data_gate.options import GateOptions
from diptych.models import features
from diptych.models.errors import DiptychError
from diptych.models.labels import Task

if TYPE_CHECKING:
    from tensorflow_metadata.proto.v0 import schema_pb2, statistics_pb2

    from diptych.pipeline.settings import Settings

TRAINING, SERVING = "TRAINING", "SERVING"

#: What no value of a feature can be below or above.
BOUNDS: dict[str, tuple[float, float]] = {
    features.WIDTH: (1, math.inf),
    features.HEIGHT: (1, math.inf),
    features.FILE_BYTES: (1, math.inf),
    features.BRIGHTNESS: (0, 255),
    features.CONTRAST: (0, 127.5),
    features.SHARPNESS: (0, math.inf),
    features.ENTROPY: (0, 8),
}

# Of sizes a multiple is as likely as a fraction; of the others the range itself says how far values vary.
_SIZES = (features.WIDTH, features.HEIGHT, features.FILE_BYTES)
_TIMES = 4
_MARGIN = 0.5

_LISTED = (features.LABEL, features.FORMAT, features.ENCODING)
_ONLY_TRAINING = (features.LABEL, features.GROUP)

_HEADER = """\
# What every record must be. Proposed by `diptych schema` from the data; review it, tighten what you know better, and
# name it in data.schema_file: from then on it rules instead of what the data themselves suggest.
#
# What a record violates ExampleValidator reports and gate.anomaly judges. A float_domain or int_domain is the range
# seen, widened; a drift_comparator or skew_comparator says how far the distribution may move from the last accepted
# data, or val and test from train, and wins over gate.drift and gate.skew. `diptych schema --update` shows what other
# data would change.
#
# Environments: TRAINING has every feature; SERVING lacks those that say not_in_environment: "SERVING".
"""

_COMMENTS = {
    features.ID: "The row's identity: the catalogue's id, else the path of its image.",
    features.DESCRIPTION: "The text, UTF-8, as the catalogue has it.",
    features.LABEL: "The class to learn. It is not there when serving. Only these values are classes: look for typos.",
    features.GROUP: "Rows of one group stay in one split. Not every catalogue has groups; never there when serving.",
    features.ENCODING: "How the pixels are stored, as image.encoding says.",
    features.SHA256: "Of the pixels as stored: equal images have equal digests.",
    features.PHASH: "Perceptual hash: images that look alike differ in few of its 64 bits. Its size means nothing.",
    features.WIDTH: "Of the image file, upright, in pixels.",
    features.HEIGHT: "Of the image file, upright, in pixels.",
    features.FORMAT: "Of the image file, as Pillow calls it. Add another one on purpose.",
    features.FILE_BYTES: "Size of the image file. Very small ones are empty pictures, very large ones slow.",
    features.BRIGHTNESS: "Mean of the luma, 0 (black) to 255 (white).",
    features.CONTRAST: "Standard deviation of the luma, 0 (one colour) to 127.5.",
    features.SHARPNESS: "Variance of the luma's Laplacian; near 0 the picture is blurred or empty.",
    features.ENTROPY: "Of the luma's histogram, 0 to 8 bits; near 0 the picture shows next to nothing.",
}


class SchemaError(DiptychError):
    """There is no schema to be written, or it may not be; the message names the file and the remedy."""


def propose_schema(
    statistics: Iterable[statistics_pb2.DatasetFeatureStatisticsList], task: Task, gate: GateOptions
) -> schema_pb2.Schema:
    """What the data suggest: presence, shapes, domains, ranges and environments of every light feature.

    Args:
        statistics: of each split.
        task: of multilabel, a record has one label or more.
        gate: where the comparators' thresholds come from.
    """
    from tensorflow_metadata.proto.v0 import schema_pb2

    seen: dict[str, list[statistics_pb2.FeatureNameStatistics]] = {name: [] for name in features.STATISTICS_FEATURES}
    for of_split in statistics:
        for dataset in of_split.datasets:
            for feature in dataset.features:
                seen.setdefault(".".join(feature.path.step), []).append(feature)
    schema = schema_pb2.Schema(default_environment=[TRAINING, SERVING])
    for name in features.STATISTICS_FEATURES:
        feature = schema.feature.add()
        feature.CopyFrom(_feature(name, seen[name], task))
        _add_comparators(feature, gate)
    return schema


def _feature(name: str, seen: Sequence[statistics_pb2.FeatureNameStatistics], task: Task) -> schema_pb2.Feature:
    from tensorflow_metadata.proto.v0 import schema_pb2

    kinds = {"bytes": schema_pb2.BYTES, "int64": schema_pb2.INT, "float": schema_pb2.FLOAT}
    feature = schema_pb2.Feature(name=name, type=kinds[features.RECORD_FEATURES[name].kind])
    if _is_everywhere(name, seen):
        feature.presence.min_fraction = 1
        feature.presence.min_count = 1
    if features.RECORD_FEATURES[name].repeated and task == "multilabel":
        feature.value_count.min = 1
    elif _is_everywhere(name, seen):
        # Without a shape the feature would be read as a sparse one.
        feature.shape.dim.add(size=1)
    else:
        feature.value_count.max = 1
    if name in _ONLY_TRAINING:
        feature.not_in_environment.append(SERVING)
    if name in BOUNDS and seen:
        _add_range(feature, seen)
    if name in _LISTED:
        feature.string_domain.value.extend(_values(seen))
        if not feature.string_domain.value:
            feature.ClearField("string_domain")
    return feature


def _is_everywhere(name: str, seen: Sequence[statistics_pb2.FeatureNameStatistics]) -> bool:
    if features.RECORD_FEATURES[name].required:
        return True
    return bool(seen) and all(_stats(feature).common_stats.num_missing == 0 for feature in seen)


def _stats(feature: statistics_pb2.FeatureNameStatistics) -> Any:
    return getattr(feature, feature.WhichOneof("stats"))


def _values(seen: Iterable[statistics_pb2.FeatureNameStatistics]) -> list[str]:
    """The distinct values, sorted; none if the statistics do not name them all."""
    found: set[str] = set()
    for feature in seen:
        named = {bucket.label for bucket in feature.string_stats.rank_histogram.buckets}
        if len(named) < feature.string_stats.unique:
            return []
        found |= named
    return sorted(found)


def _add_range(feature: schema_pb2.Feature, seen: Iterable[statistics_pb2.FeatureNameStatistics]) -> None:
    stats = [each.num_stats for each in seen if each.num_stats.common_stats.num_non_missing]
    if not stats:
        return
    low, high = min(each.min for each in stats), max(each.max for each in stats)
    if feature.name in _SIZES:
        low, high = low / _TIMES, high * _TIMES
    else:
        margin = _MARGIN * (high - low)
        low, high = low - margin, high + margin
    least, most = BOUNDS[feature.name]
    low, high = max(math.floor(low), least), min(math.ceil(high), most)
    if features.RECORD_FEATURES[feature.name].kind == "int64":
        feature.int_domain.min, feature.int_domain.max = int(low), int(high)
    else:
        feature.float_domain.min, feature.float_domain.max = low, high


def _add_comparators(feature: schema_pb2.Feature, gate: GateOptions) -> None:
    for comparator, rule in ((feature.drift_comparator, gate.drift), (feature.skew_comparator, gate.skew)):
        if feature.name in BOUNDS:
            comparator.jensen_shannon_divergence.threshold = rule.max_divergence
        elif feature.name in _LISTED:
            comparator.infinity_norm.threshold = rule.max_distance


def update_schema(
    curated: schema_pb2.Schema, statistics: Iterable[statistics_pb2.DatasetFeatureStatisticsList]
) -> schema_pb2.Schema:
    """The curated schema with what the data violate given way to, and nothing else changed."""
    import tensorflow_data_validation as tfdv

    for of_split in statistics:
        curated = tfdv.update_schema(curated, of_split)
    return curated


def render(schema: schema_pb2.Schema) -> str:
    """The schema in protobuf's text format, each feature with a comment for its reviewer."""
    from google.protobuf import text_format
    from tensorflow_metadata.proto.v0 import schema_pb2

    rest = schema_pb2.Schema()
    rest.CopyFrom(schema)
    del rest.feature[:]
    parts = [_HEADER + text_format.MessageToString(rest, as_utf8=True)]
    for feature in schema.feature:
        text = text_format.MessageToString(schema_pb2.Schema(feature=[feature]), as_utf8=True)
        comment = _COMMENTS.get(feature.name)
        parts.append(f"# {comment}\n{text}" if comment else text)
    return "\n".join(parts)


def difference(old: str, new: str) -> list[str]:
    """A unified diff of two schemas' lines; empty if they are equal."""
    return list(difflib.unified_diff(old.splitlines(), new.splitlines(), "curated", "proposed", lineterm=""))


def compute_statistics(settings: Settings, folder: str) -> list[statistics_pb2.DatasetFeatureStatisticsList]:
    """The statistics of each split, of the catalogue as it is: what a run in the folder has done is reused.

    Raises:
        RunLockedError: a run works in the folder.
        IngestionError: the catalogue cannot be read.
    """
    from diptych.pipeline.local.runner import run_ingestion

    uri = run_ingestion(settings, folder)["StatisticsGen"]["statistics"]

    import tensorflow_data_validation as tfdv

    files = [os.path.join(uri, f"Split-{split}", STATISTICS_FILE) for split in features.SPLITS]
    return [tfdv.load_stats_binary(file) for file in files]


def propose(settings: Settings, folder: str, output: str) -> None:
    """Writes a schema for review.

    Raises:
        SchemaError: ``output`` exists.
        RunLockedError, IngestionError: as ``compute_statistics``.
    """
    if os.path.exists(output):
        raise SchemaError(f"'{output}' exists: name another file with --output, or see what would change with --update")
    write(render(propose_schema(compute_statistics(settings, folder), settings.train.task, settings.gate)), output)


def propose_update(settings: Settings, folder: str) -> tuple[str, str]:
    """The curated schema's text, and what it would have to be for the data as they are.

    Raises:
        SchemaError: no curated schema is named, or it is none.
        RunLockedError, IngestionError: as ``compute_statistics``.
    """
    path = settings.data.schema_file
    if path is None:
        raise SchemaError(
            "--update changes the schema that data.schema_file names, but it names none: write one with "
            "`diptych schema` first"
        )
    from google.protobuf import text_format
    from tensorflow_metadata.proto.v0 import schema_pb2

    try:
        with open(path, encoding="utf-8") as file:
            old = file.read()
        curated = text_format.Parse(old, schema_pb2.Schema())
    except (OSError, UnicodeDecodeError, text_format.ParseError) as error:
        raise SchemaError(f"data.schema_file: '{path}' is no schema in protobuf's text format: {error}") from None
    return old, render(update_schema(curated, compute_statistics(settings, folder)))


def write(text: str, output: str) -> None:
    """Writes a schema's text, whole or not at all.

    Raises:
        SchemaError: the file cannot be written.
    """
    try:
        with open(output + ".part", "w", encoding="utf-8") as file:
            file.write(text)
        os.replace(output + ".part", output)
    except OSError as error:
        raise SchemaError(f"cannot write '{output}': {error.strerror}") from None
