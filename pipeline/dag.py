"""The DAG of the pipeline. Only this module connects components with one another."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import tensorflow_data_validation as tfdv
from tfx.components.example_validator.component import ExampleValidator
from tfx.components.schema_gen.component import SchemaGen
from tfx.components.trainer.component import Trainer
from tfx.components.tuner.component import Tuner
from tfx.dsl.components.base.base_component import BaseComponent
from tfx.proto import pusher_pb2, trainer_pb2
from tfx.types import BaseChannel

from diptych.components.catalogue.options import DataOptions
from diptych.components.data_gate.component import DataGate
from diptych.components.evaluator.component import Evaluator
from diptych.components.example_gen.component import ImageTextExampleGen
from diptych.components.linear_baseline.component import LinearBaseline
from diptych.components.pusher.component import Pusher
from diptych.components.report.component import Report
from diptych.components.schema_gen.component import ImportSchemaGen
from diptych.components.statistics_gen.component import StatisticsGen
from diptych.components.transform.component import Transform
from diptych.models.features import STATISTICS_FEATURES, TRAIN, VAL
from diptych.models.images.options import check_encoding_supported
from diptych.models.text import preprocessing
from diptych.models.text.options import serialize_text_options
from diptych.models.training import custom_config
from diptych.pipeline.changed_settings import changed_settings
from diptych.pipeline.code_fingerprint import code_fingerprint
from diptych.pipeline.settings import Settings


def build_ingestion(settings: Settings) -> tuple[ImageTextExampleGen, StatisticsGen]:
    """Builds the components that make Examples of the catalogue and compute their statistics.

    Raises:
        OptionsError: this TensorFlow cannot read images of the encoding that the settings ask for.
    """
    check_encoding_supported(settings.image)
    example_gen = ImageTextExampleGen(_data_options(settings), settings.image, code=_components_code())
    statistics_gen = StatisticsGen(
        examples=example_gen.outputs["examples"],
        stats_options=tfdv.StatsOptions(feature_allowlist=list(STATISTICS_FEATURES)),
    )
    return example_gen, statistics_gen


def build_components(
    settings: Settings, push_directory: str, images_root: str = "", feature_folder: str = ""
) -> list[BaseComponent]:
    """Builds all components, in an order in which they can run one after the other.

    Args:
        push_directory: where blessed models and the profiles of accepted data are kept, from this and earlier runs.
        images_root: the folder where the report finds the images of rejected rows; empty if it cannot read them.
        feature_folder: where training keeps the features of images for later runs; empty to keep none.

    Raises:
        OptionsError: this TensorFlow cannot read images of the encoding that the settings ask for.
    """
    example_gen, statistics_gen = build_ingestion(settings)
    examples, statistics = example_gen.outputs["examples"], statistics_gen.outputs["statistics"]
    schema_gen = _build_schema_gen(settings, statistics)
    example_validator = ExampleValidator(statistics=statistics, schema=schema_gen.outputs["schema"])
    data: dict[str, BaseChannel] = {
        "examples": examples,
        "rejects": example_gen.outputs["rejects"],
        "statistics": statistics,
        "schema": schema_gen.outputs["schema"],
        "anomalies": example_validator.outputs["anomalies"],
    }
    data_gate = _build_data_gate(settings, data, push_directory)
    transform = _build_transform(settings, data)
    linear_baseline = LinearBaseline(
        examples, settings.image, settings.text, settings.label, settings.train, code=_components_code()
    )
    for component in (transform, linear_baseline):
        # They read nothing of the gate's, but must not run on data that it stops.
        component.add_upstream_node(data_gate)
    config = _training_config(settings, push_directory, feature_folder)
    tuners, trainer = _build_training(settings, examples, transform.outputs["transform_graph"], config)
    results: dict[str, BaseChannel] = {
        "verdict": data_gate.outputs["verdict"],
        "linear_baseline": linear_baseline.outputs["metrics"],
        "model": trainer.outputs["model"],
        "model_run": trainer.outputs["model_run"],
    }
    if tuners:
        results["tuner_results"] = tuners[0].outputs["tuner_results"]
    evaluator = _build_evaluator(settings, {**data, **results}, push_directory)
    results |= {"evaluation": evaluator.outputs["evaluation"], "blessing": evaluator.outputs["blessing"]}
    pusher = _build_pusher(results, push_directory)
    components = [example_gen, statistics_gen, schema_gen, example_validator, data_gate, transform, linear_baseline]
    components += [*tuners, trainer, evaluator, pusher]
    return [*components, _build_report(settings, {**data, **results}, components, images_root)]


def _build_schema_gen(settings: Settings, statistics: BaseChannel) -> BaseComponent:
    """ImportSchemaGen if there is a curated schema, else SchemaGen."""
    if settings.data.schema_file is None:
        return SchemaGen(statistics=statistics)
    with open(settings.data.schema_file, "rb") as file:
        digest = hashlib.sha256(file.read()).hexdigest()
    return ImportSchemaGen(settings.data.schema_file, digest)


def _build_data_gate(settings: Settings, data: Mapping[str, BaseChannel], push_directory: str) -> DataGate:
    return DataGate(
        **data,
        options=settings.gate,
        label=settings.label,
        text=settings.text,
        push_directory=push_directory,
        code=_components_code(),
    )


def _build_transform(settings: Settings, data: Mapping[str, BaseChannel]) -> Transform:
    return Transform(
        examples=data["examples"],
        schema=data["schema"],
        preprocessing_fn="diptych.models.text.preprocessing.preprocessing_fn",
        custom_config={
            preprocessing.TEXT_OPTIONS_KEY: serialize_text_options(settings.text),
            preprocessing.LABEL_OPTIONS_KEY: settings.label.model_dump_json(),
            preprocessing.TASK_KEY: settings.train.task,
            "code": _models_code(),
        },
        materialize=False,
        disable_statistics=True,
        # The analyzer cache only helps analyses over several spans. An unchanged Transform is cached as a component.
        disable_analyzer_cache=True,
    )


def _build_training(
    settings: Settings, examples: BaseChannel, transform_graph: BaseChannel, config: Mapping[str, str]
) -> tuple[list[Tuner], Trainer]:
    """Trainer, and before it Tuner if hyperparameters are searched for."""
    shared: dict[str, Any] = {
        "examples": examples,
        "transform_graph": transform_graph,
        "custom_config": dict(config),
        "train_args": trainer_pb2.TrainArgs(splits=[TRAIN]),
        "eval_args": trainer_pb2.EvalArgs(splits=[VAL]),
    }
    tuners = [Tuner(tuner_fn="diptych.models.training.tuner.tuner_fn", **shared)] if settings.tune else []
    trainer = Trainer(
        run_fn="diptych.models.training.trainer.run_fn",
        hyperparameters=tuners[0].outputs["best_hyperparameters"] if tuners else None,
        **shared,
    )
    return tuners, trainer


def _training_config(settings: Settings, push_directory: str, feature_folder: str) -> dict[str, str]:
    """The ``custom_config`` of Trainer and Tuner, which is part of their cache keys."""
    config = {
        custom_config.IMAGE_OPTIONS_KEY: settings.image.model_dump_json(),
        custom_config.TEXT_OPTIONS_KEY: serialize_text_options(settings.text),
        custom_config.MISSING_TEXTS_KEY: settings.data.missing_descriptions,
        custom_config.NETWORK_OPTIONS_KEY: settings.model.model_dump_json(),
        custom_config.TRAIN_OPTIONS_KEY: settings.train.model_dump_json(),
        custom_config.CODE_KEY: _models_code(),
    }
    if feature_folder:
        config[custom_config.FEATURE_FOLDER_KEY] = feature_folder
    if settings.tune:
        config[custom_config.TUNE_OPTIONS_KEY] = settings.tune.model_dump_json()
    if settings.train.warm_start:
        config[custom_config.PUSH_DIRECTORY_KEY] = push_directory
    return config


def _build_evaluator(settings: Settings, channels: Mapping[str, BaseChannel], push_directory: str) -> Evaluator:
    return Evaluator(
        examples=channels["examples"],
        schema=channels["schema"],
        model=channels["model"],
        linear_baseline=channels["linear_baseline"],
        options=settings.evaluate,
        push_directory=push_directory,
        code=_components_code(),
    )


def _build_pusher(results: Mapping[str, BaseChannel], push_directory: str) -> Pusher:
    filesystem = pusher_pb2.PushDestination.Filesystem(base_directory=push_directory)
    return Pusher(
        model=results["model"],
        model_blessing=results["blessing"],
        push_destination=pusher_pb2.PushDestination(filesystem=filesystem),
    )


def _build_report(
    settings: Settings, channels: Mapping[str, BaseChannel], components: Sequence[BaseComponent], images_root: str
) -> Report:
    upstream = {
        component.id: sorted({channel.producer_component_id for channel in component.inputs.values()})
        for component in components
    }
    return Report(
        channels,
        title=settings.name,
        images_root=images_root,
        upstream=upstream,
        settings=changed_settings(settings.model_dump(mode="json")),
        code=_components_code(),
    )


def _data_options(settings: Settings) -> DataOptions:
    """``settings.data``, with one decoding process in each Beam worker where Beam may have several workers."""
    data, beam = settings.data, settings.beam
    has_one_worker = beam.runner == "direct" and beam.workers == 1
    return data if data.processes or has_one_worker else data.model_copy(update={"processes": 1})


def _components_code() -> str:
    """The fingerprint of the code that components run, a part of their cache keys."""
    return code_fingerprint("diptych.components", "diptych.models")


def _models_code() -> str:
    """The fingerprint of the code that Transform, Tuner and Trainer run, a part of their cache keys."""
    return code_fingerprint("diptych.models")
