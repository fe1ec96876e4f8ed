"""The component ImageTextExampleGen."""

from __future__ import annotations

from tfx import types
from tfx.components.example_gen import component
from tfx.dsl.components.base import base_beam_component, executor_spec
from tfx.proto import example_gen_pb2
from tfx.types import standard_artifacts, standard_component_specs
from tfx.types.component_spec import ChannelParameter, ExecutionParameter

from diptych.components.artifact_types import Rejects
from diptych.components.catalogue.options import DataOptions
from diptych.components.example_gen.driver import ImageTextExampleGenDriver, standard_input
from diptych.components.example_gen.executor import (
    DATA_OPTIONS_KEY,
    IMAGE_OPTIONS_KEY,
    REJECTS_KEY,
    ImageTextExampleGenExecutor,
)
from diptych.models.features import SPLITS
from diptych.models.images.options import ImageOptions


class ImageTextExampleGenSpec(standard_component_specs.FileBasedExampleGenSpec):
    """The spec of FileBasedExampleGen, with our options and the output ``rejects``."""

    PARAMETERS = {
        **standard_component_specs.FileBasedExampleGenSpec.PARAMETERS,
        DATA_OPTIONS_KEY: ExecutionParameter(type=str),
        IMAGE_OPTIONS_KEY: ExecutionParameter(type=str),
        "code": ExecutionParameter(type=str),
    }
    OUTPUTS = {
        **standard_component_specs.FileBasedExampleGenSpec.OUTPUTS,
        REJECTS_KEY: ChannelParameter(type=Rejects),
    }


class ImageTextExampleGen(component.FileBasedExampleGen):
    """Turns a catalogue of images, descriptions and labels into Examples (train, val, test) and Rejects.

    It derives from FileBasedExampleGen, because Kubeflow's compiler runs a driver for such components only.
    """

    SPEC_CLASS = ImageTextExampleGenSpec
    EXECUTOR_SPEC = executor_spec.BeamExecutorSpec(ImageTextExampleGenExecutor)
    DRIVER_CLASS = ImageTextExampleGenDriver

    def __init__(self, data: DataOptions, image: ImageOptions, code: str) -> None:
        """Constructs the component.

        Args:
            data: the catalogue and its splits.
            image: how images are stored.
            code: a digest of the code that ingests, which is part of the cache key.
        """
        split_config = example_gen_pb2.SplitConfig(
            # Only the names count. The ratios are in the data options, because TFX's are whole numbers.
            splits=[example_gen_pb2.SplitConfig.Split(name=split, hash_buckets=1) for split in SPLITS]
        )
        spec = ImageTextExampleGenSpec(
            **standard_input(data.catalogue),
            output_config=example_gen_pb2.Output(split_config=split_config),
            output_data_format=example_gen_pb2.FORMAT_TF_EXAMPLE,
            output_file_format=example_gen_pb2.FILE_FORMAT_UNSPECIFIED,
            examples=types.Channel(type=standard_artifacts.Examples),
            rejects=types.Channel(type=Rejects),
            data_options=data.model_dump_json(exclude={"catalogue", "schema_file"}),
            image_options=image.model_dump_json(),
            code=code,
        )
        base_beam_component.BaseBeamComponent.__init__(self, spec=spec)
