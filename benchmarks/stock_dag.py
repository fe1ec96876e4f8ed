"""The demo's DAG as TFX's tutorials would build it.

Data, encoding of texts, network, optimiser, batches, epochs and metrics are Diptych's; the rest follows the tutorials.
"""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Iterator
from typing import Any

import apache_beam as beam
import numpy as np
import tensorflow as tf
import tensorflow_model_analysis as tfma
from PIL import Image
from tfx import v1 as tfx
from tfx.components.example_gen.base_example_gen_executor import BaseExampleGenExecutor
from tfx.components.example_gen.component import FileBasedExampleGen
from tfx.dsl.components.base import executor_spec

from diptych.pipeline.local.log_capture import redirect_output
from diptych.pipeline.local.progress import follow_progress
from diptych.pipeline.local.view import make_view
from diptych.pipeline.settings import Settings

_MODULE_FILE = os.path.join(os.path.dirname(__file__), "stock_module", "digits.py")
# The demo's number of rows, because the tutorials' Trainer needs numbers of steps.
_ROWS = 1797


@beam.ptransform_fn
@beam.typehints.with_input_types(beam.Pipeline)
@beam.typehints.with_output_types(tf.train.Example)
def _CatalogueToExamples(
    pipeline: beam.Pipeline, exec_properties: dict[str, Any], split_pattern: str
) -> beam.PCollection:
    catalogue = os.path.join(exec_properties["input_base"], split_pattern)
    return pipeline | beam.Create([catalogue]) | beam.FlatMap(_read_rows) | beam.Map(_to_example)


def _read_rows(catalogue: str) -> Iterator[dict[str, str]]:
    with open(catalogue, encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            yield {**row, "image": os.path.join(os.path.dirname(catalogue), row["image"])}


def _to_example(row: dict[str, str]) -> tf.train.Example:
    with Image.open(row["image"]) as image:
        pixels = np.asarray(image.convert("RGB")).tobytes()
    values = {"image": pixels, "description": row["description"].encode(), "label": row["label"].encode()}
    features = {name: tf.train.Feature(bytes_list=tf.train.BytesList(value=[value])) for name, value in values.items()}
    return tf.train.Example(features=tf.train.Features(feature=features))


class CatalogueExecutor(BaseExampleGenExecutor):
    """A custom executor as in TFX's guide to ExampleGen; its base class splits by hash and writes GZIP files."""

    def GetInputSourceToExamplePTransform(self) -> beam.PTransform:
        """The transform of the catalogue into Examples."""
        return _CatalogueToExamples


def build_pipeline(settings: Settings, folder: str, jit_compile: str | bool) -> tfx.dsl.Pipeline:
    """The tutorials' DAG for the catalogue of ``settings``.

    Args:
        folder: where artifacts, metadata and pushed models are written.
        jit_compile: the argument of ``keras.Model.compile``.
    """
    base, name = os.path.split(settings.data.catalogue)
    example_gen = FileBasedExampleGen(
        input_base=base,
        input_config=tfx.proto.Input(splits=[tfx.proto.Input.Split(name="all", pattern=name)]),
        output_config=tfx.proto.Output(split_config=_split_config()),
        custom_executor_spec=executor_spec.BeamExecutorSpec(CatalogueExecutor),
    )
    examples = example_gen.outputs["examples"]
    # Without options StatisticsGen reads every feature, including the pixels.
    statistics_gen = tfx.components.StatisticsGen(examples=examples)
    schema_gen = tfx.components.SchemaGen(statistics=statistics_gen.outputs["statistics"], infer_feature_shape=True)
    schema = schema_gen.outputs["schema"]
    example_validator = tfx.components.ExampleValidator(statistics=statistics_gen.outputs["statistics"], schema=schema)
    # The tutorials give a module file: Transform and Trainer each build a wheel of it and install that with pip. By
    # default Transform materialises its output and computes statistics before and after.
    transform = tfx.components.Transform(examples=examples, schema=schema, module_file=_MODULE_FILE)
    trainer = _trainer(settings, transform, schema, jit_compile)
    resolver = tfx.dsl.Resolver(
        strategy_class=tfx.dsl.experimental.LatestBlessedModelStrategy,
        model=tfx.dsl.Channel(type=tfx.types.standard_artifacts.Model),
        model_blessing=tfx.dsl.Channel(type=tfx.types.standard_artifacts.ModelBlessing),
    ).with_id("latest_blessed_model_resolver")
    evaluator = tfx.components.Evaluator(
        examples=examples,
        example_splits=["test"],
        model=trainer.outputs["model"],
        baseline_model=resolver.outputs["model"],
        eval_config=_eval_config(),
    )
    pusher = tfx.components.Pusher(
        model=trainer.outputs["model"],
        model_blessing=evaluator.outputs["blessing"],
        push_destination=tfx.proto.PushDestination(
            filesystem=tfx.proto.PushDestination.Filesystem(base_directory=os.path.join(folder, "pushed"))
        ),
    )
    return tfx.dsl.Pipeline(
        pipeline_name="stock",
        pipeline_root=os.path.join(folder, "artifacts"),
        metadata_connection_config=tfx.orchestration.metadata.sqlite_metadata_connection_config(
            os.path.join(folder, "metadata.sqlite")
        ),
        components=[
            example_gen,
            statistics_gen,
            schema_gen,
            example_validator,
            transform,
            trainer,
            resolver,
            evaluator,
            pusher,
        ],
    )


def _split_config() -> tfx.proto.SplitConfig:
    splits = {"train": 8, "val": 1, "test": 1}
    return tfx.proto.SplitConfig(
        splits=[tfx.proto.SplitConfig.Split(name=name, hash_buckets=share) for name, share in splits.items()]
    )


def _trainer(settings: Settings, transform: Any, schema: Any, jit_compile: str | bool) -> Any:
    batch_size = settings.train.batch_size
    return tfx.components.Trainer(
        module_file=_MODULE_FILE,
        examples=transform.outputs["transformed_examples"],
        transform_graph=transform.outputs["transform_graph"],
        schema=schema,
        train_args=tfx.proto.TrainArgs(splits=["train"], num_steps=_ROWS * 8 // 10 // batch_size + 1),
        eval_args=tfx.proto.EvalArgs(splits=["val"], num_steps=_ROWS // 10 // batch_size + 1),
        custom_config={
            "image": settings.image.model_dump_json(),
            "model": settings.model.model_dump_json(),
            "epochs": settings.train.epochs,
            "batch_size": batch_size,
            "learning_rate": settings.train.learning_rate,
            "jit_compile": jit_compile,
        },
    )


def _eval_config() -> tfma.EvalConfig:
    metrics = [
        tfma.MetricConfig(class_name="ExampleCount"),
        tfma.MetricConfig(
            class_name="SparseCategoricalAccuracy",
            config='"name": "accuracy"',
            threshold=tfma.MetricThreshold(
                value_threshold=tfma.GenericValueThreshold(lower_bound={"value": 0.5}),
                change_threshold=tfma.GenericChangeThreshold(
                    direction=tfma.MetricDirection.HIGHER_IS_BETTER, absolute={"value": -0.01}
                ),
            ),
        ),
        tfma.MetricConfig(
            class_name="AccumulatedMetric",
            module="diptych.components.evaluator.metrics",
            config='"name": "macro_f1", "quantity": "macro_f1", "task": "multiclass", "classes": 10, "top_k": 1, '
            '"thresholds": {"candidate": null}, "at_least_one": {"candidate": false}',
        ),
    ]
    return tfma.EvalConfig(
        model_specs=[
            tfma.ModelSpec(
                signature_name="serving_default",
                preprocessing_function_names=["transform_features"],
                prediction_key="scores",
                label_key="label_id",
            )
        ],
        slicing_specs=[tfma.SlicingSpec(), tfma.SlicingSpec(feature_keys=["label"])],
        metrics_specs=[tfma.MetricsSpec(metrics=metrics)],
    )


def run(settings: Settings, folder: str, jit_compile: str | bool) -> None:
    """Runs the DAG and writes ``summary.json`` with ``seconds`` by component, measured as in Diptych's own runs."""
    with (
        redirect_output(os.path.join(folder, "pipeline.log")) as console,
        follow_progress(make_view(console)) as progress,
    ):
        tfx.orchestration.LocalDagRunner().run(build_pipeline(settings, folder, jit_compile))
    evaluation = os.path.join(folder, "artifacts", "Evaluator", "evaluation")
    result = tfma.load_eval_result(os.path.join(evaluation, max(os.listdir(evaluation), key=int)))
    whole = dict(result.slicing_metrics)[()][""][""]
    summary = {
        "seconds": progress.seconds,
        "metrics": {name: whole[name]["doubleValue"] for name in ("accuracy", "macro_f1")},
    }
    with open(os.path.join(folder, "summary.json"), "w", encoding="utf-8") as file:
        json.dump(summary, file)
