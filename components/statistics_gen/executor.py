"""The executor of StatisticsGen: in memory for small datasets, with Beam for large ones."""

from __future__ import annotations

import os
from heapq import nlargest
from typing import Any

import pyarrow as pa
import tensorflow as tf
import tensorflow_data_validation as tfdv
from tensorflow_data_validation.statistics.stats_impl import generate_statistics_in_memory
from tensorflow_data_validation.types import FeaturePath
from tensorflow_data_validation.utils.top_k_uniques_stats_util import (
    FeatureValueCount,
    make_feature_stats_proto_topk_uniques,
)
from tensorflow_metadata.proto.v0 import schema_pb2, statistics_pb2
from tfx.components.statistics_gen import executor
from tfx.types import artifact_utils, standard_component_specs
from tfx.utils import io_utils
from tfx_bsl.coders import example_coder

from diptych.components.artifact_links import plain_uris
from diptych.components.artifact_types import ArtifactsByKey
from diptych.components.artifacts import STATISTICS_FILE
from diptych.components.beam_executor import UnpackagedBeamExecutor
from diptych.models import features
from diptych.models.tfrecords import list_split_files, read_records

# The largest size of all files of a dataset whose statistics are computed in memory, where they need a small part of
# it: the files hold the pixels too. For such a dataset, starting Beam takes longer than the work itself.
IN_MEMORY_BYTES = 512 * 2**20


class StatisticsGenExecutor(UnpackagedBeamExecutor, executor.Executor):
    """Computes the same statistics in memory as TFX does with Beam; neither decodes pixels.

    Means and standard deviations may differ in their last digits, because they are added up in another order, and
    quantiles, which are approximate, within TFDV's tolerance.
    """

    def Do(self, input_dict: ArtifactsByKey, output_dict: ArtifactsByKey, exec_properties: dict[str, Any]) -> None:
        """Writes the statistics of each split."""
        examples = artifact_utils.get_single_instance(input_dict[standard_component_specs.EXAMPLES_KEY])
        files = {
            split: list_split_files(examples.uri, split)
            for split in artifact_utils.decode_split_names(examples.split_names)
        }
        if sum(tf.io.gfile.stat(name).length for names in files.values() for name in names) > IN_MEMORY_BYTES:
            with plain_uris(input_dict, output_dict):
                super().Do(input_dict, output_dict, exec_properties)
            return
        options = tfdv.StatsOptions.from_json(exec_properties[standard_component_specs.STATS_OPTIONS_JSON_KEY])
        statistics = artifact_utils.get_single_instance(output_dict[standard_component_specs.STATISTICS_KEY])
        statistics.split_names = examples.split_names
        statistics.span = examples.span
        for split, names in files.items():
            folder = artifact_utils.get_split_uri([statistics], split)
            result = compute_statistics(names, options)
            io_utils.write_bytes_file(os.path.join(folder, STATISTICS_FILE), result.SerializeToString())


def compute_statistics(files: list[str], options: tfdv.StatsOptions) -> statistics_pb2.DatasetFeatureStatisticsList:
    """Computes the statistics of TFRecord files in memory, of all features but the image."""
    decoder = example_coder.ExamplesToRecordBatchDecoder(_schema_without_image().SerializeToString())
    # The records hold the pixels too, and are let go at once.
    batch = decoder.DecodeBatch(list(read_records(files).as_numpy_iterator()))
    # Beam reads without a schema and so does not see a feature that no record has.
    present = {name: column for name, column in zip(batch.schema.names, batch, strict=True) if _has_value(column)}
    columns = pa.RecordBatch.from_arrays(list(present.values()), list(present))
    statistics = generate_statistics_in_memory(columns, options)
    for feature in statistics.datasets[0].features:
        if feature.string_stats.unique:
            _count_values(feature, present[feature.path.step[0]], options)
    return statistics


def _count_values(feature: statistics_pb2.FeatureNameStatistics, column: pa.Array, options: tfdv.StatsOptions) -> None:
    """Puts exact counts of values in the place of TFDV's estimates.

    In memory, TFDV takes a sketch of 1,024 values (J. Misra, D. Gries, "Finding Repeated Elements", 1982), in which
    values that occur once each seem to occur often; with Beam it counts.
    """
    counted = column.flatten().value_counts()
    pairs = zip(counted.field("counts").to_pylist(), counted.field("values").to_pylist(), strict=True)
    most = nlargest(max(options.num_top_values, options.num_rank_histogram_buckets), pairs)
    exact = make_feature_stats_proto_topk_uniques(
        FeaturePath.from_proto(feature.path),
        num_top_values=options.num_top_values,
        num_rank_histogram_buckets=options.num_rank_histogram_buckets,
        num_unique=len(counted),
        value_count_list=[FeatureValueCount(value, count) for count, value in most],
        frequency_threshold=options.frequency_threshold,
    )
    for field in ("unique", "top_values", "rank_histogram"):
        feature.string_stats.ClearField(field)
    feature.string_stats.MergeFrom(exact.string_stats)


def _has_value(column: pa.Array) -> bool:
    return bool(column.null_count < len(column))


def _schema_without_image() -> schema_pb2.Schema:
    """The names and types of the features to decode."""
    kinds = {"bytes": schema_pb2.BYTES, "int64": schema_pb2.INT, "float": schema_pb2.FLOAT}
    described = (
        schema_pb2.Feature(name=name, type=kinds[features.RECORD_FEATURES[name].kind])
        for name in features.STATISTICS_FEATURES
    )
    return schema_pb2.Schema(feature=described)
