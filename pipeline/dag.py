"""The DAG: the only place where components meet."""

from __future__ import annotations

import hashlib
from typing import Any

import tensorflow_data_validation as tfdv
from tfx.components.example_validator.component import ExampleValidator
from tfx.components.pusher.component import Pusher
from tfx.components.schema_gen.component import SchemaGen
from tfx.components.trainer.component import Trainer
from tfx.components.tuner.component import Tuner
from tfx.dsl.components.base.base_component import BaseComponent
from tfx.proto import pusher_pb2, trainer_pb2

from diptych.components.catalogue.options import DataOptions
from diptych.components.data_gate.component import DataGate
from diptych.components.evaluator.component import Evaluator
from diptych.components.example_gen.component import ImageTextExampleGen
from diptych.components.linear_baseline.component import LinearBaseline
from diptych.components.report.component import Report
from diptych.components.schema_gen.component import ImportSchemaGen
from diptych.components.statistics_gen.component import StatisticsGen
from diptych.components.transform.component import Transform
from diptych.models.features import LIGHT_FEATURES, TRAIN, VAL
from diptych.models.images.options import check_encoding
from diptych.models.text import preprocessing
from diptych.models.training import trainer, tuner
from diptych.pipeline.code_fingerprint import code_digest
from diptych.pipeline.settings import Settings


def build_ingestion(settings: Settings) -> tuple[ImageTextExampleGen, StatisticsGen]:
    """What a schema is proposed from: the components that make Examples and their statistics.

    Raises:
        ValueError: this TensorFlow cannot read images of the encoding that the settings ask for.
    """
    check_encoding(settings.image)
    example_gen = ImageTextExampleGen(
        _data(settings), settings.image, code=code_digest("diptych.components", "diptych.models")
    )
    statistics_gen = StatisticsGen(
        examples=example_gen.outputs["examples"],
        stats_options=tfdv.StatsOptions(feature_allowlist=list(LIGHT_FEATURES)),
    )
    return example_gen, statistics_gen


def build_components(settings: Settings, push_directory: str, images_root: str = "") -> list[BaseComponent]:
    """The components in the order of the data.

    Args:
        push_directory: where blessed models and accepted statistics go, and where the last ones are found.
        images_root: the folder in which the report finds the images of rejected rows; empty where no step sees one.

    Raises:
        ValueError: this TensorFlow cannot read images of the encoding that the settings ask for.
    """
    components = code_digest("diptych.components", "diptych.models")
    models = code_digest("diptych.models")

    example_gen, statistics_gen = build_ingestion(settings)
    examples = example_gen.outputs["examples"]
    schema_gen = _schema_gen(settings, statistics_gen)
    schema = schema_gen.outputs["schema"]
    example_validator = ExampleValidator(statistics=statistics_gen.outputs["statistics"], schema=schema)
    data_gate = DataGate(
        examples=examples,
        rejects=example_gen.outputs["rejects"],
        statistics=statistics_gen.outputs["statistics"],
        schema=schema,
        anomalies=example_validator.outputs["anomalies"],
        options=settings.gate,
        label=settings.label,
        text=settings.text,
        task=settings.train.task,
        push_directory=push_directory,
        code=components,
    )
    transform = Transform(
        examples=examples,
        schema=schema,
        preprocessing_fn="diptych.models.text.preprocessing.preprocessing_fn",
        custom_config={
            preprocessing.TEXT_OPTIONS_KEY: settings.text.model_dump_json(),
            preprocessing.LABEL_OPTIONS_KEY: settings.label.model_dump_json(),
            preprocessing.TASK_KEY: settings.train.task,
            "code": models,
        },
        materialize=False,
        disable_statistics=True,
        # What it would keep serves analyses over several spans; an unchanged run is cached as a whole.
        disable_analyzer_cache=True,
    )
    linear_baseline = LinearBaseline(examples, settings.text, settings.train.task, code=components)
    for component in (transform, linear_baseline):
        component.add_upstream_node(data_gate)
    fitted: dict[str, Any] = {
        "examples": examples,
        "transform_graph": transform.outputs["transform_graph"],
        "custom_config": _training_config(settings, push_directory, models),
        "train_args": trainer_pb2.TrainArgs(splits=[TRAIN]),
        "eval_args": trainer_pb2.EvalArgs(splits=[VAL]),
    }
    tuners = [Tuner(tuner_fn="diptych.models.training.tuner.tuner_fn", **fitted)] if settings.tune else []
    model_trainer = Trainer(
        run_fn="diptych.models.training.trainer.run_fn",
        hyperparameters=tuners[0].outputs["best_hyperparameters"] if tuners else None,
        **fitted,
    )
    evaluator = Evaluator(
        examples=examples,
        schema=schema,
        model=model_trainer.outputs["model"],
        linear_baseline=linear_baseline.outputs["metrics"],
        options=settings.evaluate,
        push_directory=push_directory,
        code=components,
    )
    pusher = Pusher(
        model=model_trainer.outputs["model"],
        model_blessing=evaluator.outputs["blessing"],
        push_destination=pusher_pb2.PushDestination(
            filesystem=pusher_pb2.PushDestination.Filesystem(base_directory=push_directory)
        ),
    )
    made = [
        example_gen,
        statistics_gen,
        schema_gen,
        example_validator,
        data_gate,
        transform,
        linear_baseline,
        *tuners,
        model_trainer,
        evaluator,
        pusher,
    ]
    report = Report(
        {
            "examples": examples,
            "rejects": example_gen.outputs["rejects"],
            "statistics": statistics_gen.outputs["statistics"],
            "schema": schema,
            "anomalies": example_validator.outputs["anomalies"],
            "verdict": data_gate.outputs["verdict"],
            "linear_baseline": linear_baseline.outputs["metrics"],
            "model": model_trainer.outputs["model"],
            "model_run": model_trainer.outputs["model_run"],
            "evaluation": evaluator.outputs["evaluation"],
            "blessing": evaluator.outputs["blessing"],
        },
        title=settings.name,
        images_root=images_root,
        upstream={component.id: _read_by(component) for component in made},
        code=components,
    )
    return [*made, report]


def _read_by(component: BaseComponent) -> list[str]:
    """The components whose artifacts it reads."""
    return sorted({channel.producer_component_id for channel in component.inputs.values()})


def _data(settings: Settings) -> DataOptions:
    """Where Beam has workers of its own or several, one process in each decodes, unless the settings say otherwise."""
    data, beam = settings.data, settings.beam
    alone = beam.runner == "direct" and beam.workers == 1
    return data if data.processes or alone else data.model_copy(update={"processes": 1})


def _training_config(settings: Settings, push_directory: str, code: str) -> dict[str, str]:
    """What Trainer and Tuner are told; where the last blessed model lies, only if training starts from it."""
    config = {
        trainer.IMAGE_OPTIONS_KEY: settings.image.model_dump_json(),
        trainer.TEXT_OPTIONS_KEY: settings.text.model_dump_json(),
        trainer.NETWORK_OPTIONS_KEY: settings.model.model_dump_json(),
        trainer.TRAIN_OPTIONS_KEY: settings.train.model_dump_json(),
        "code": code,
    }
    if settings.tune:
        config[tuner.TUNE_OPTIONS_KEY] = settings.tune.model_dump_json()
    if settings.train.warm_start:
        config[trainer.PUSH_DIRECTORY_KEY] = push_directory
    return config


def _schema_gen(settings: Settings, statistics_gen: StatisticsGen) -> BaseComponent:
    """A curated schema wins over an inferred one."""
    if settings.data.schema_file is None:
        return SchemaGen(statistics=statistics_gen.outputs["statistics"])
    with open(settings.data.schema_file, "rb") as file:
        digest = hashlib.sha256(file.read()).hexdigest()
    return ImportSchemaGen(settings.data.schema_file, digest)
