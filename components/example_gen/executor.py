"""The executor of ImageTextExampleGen."""

from __future__ import annotations

import json
import os
from typing import Any

from tfx import types
from tfx.components.util import examples_utils
from tfx.proto import example_gen_pb2
from tfx.types import artifact_utils, standard_component_specs
from tfx.utils import proto_utils

from diptych.components.artifacts import ACCOUNT_FILE, read_json
from diptych.components.beam_executor import UnpackagedBeamExecutor
from diptych.components.catalogue.catalogue import Catalogue
from diptych.components.catalogue.options import DataOptions
from diptych.components.catalogue.storage import is_file
from diptych.components.example_gen.account import IngestionError
from diptych.components.example_gen.decoder_pool import start_fork_server
from diptych.components.example_gen.external.assigning import assign_with_files
from diptych.components.example_gen.ingestion import ingest
from diptych.components.example_gen.ingestion_job import IngestionJob
from diptych.models.counts import pluralize
from diptych.models.features import SPLITS
from diptych.models.images.options import ImageOptions

REJECTS_KEY = "rejects"
#: The input of slices that other machines have decoded; where it is not given, the executor decodes.
SLICES_KEY = "slices"
DATA_OPTIONS_KEY = "data_options"
IMAGE_OPTIONS_KEY = "image_options"


def data_options(exec_properties: dict[str, Any]) -> DataOptions:
    """The data options of an execution; the catalogue is the one that ExampleGen's standard properties name."""
    values = json.loads(exec_properties[DATA_OPTIONS_KEY])
    input_config = example_gen_pb2.Input()
    proto_utils.json_to_proto(exec_properties[standard_component_specs.INPUT_CONFIG_KEY], input_config)
    base = exec_properties[standard_component_specs.INPUT_BASE_KEY]
    return DataOptions(**values, catalogue=os.path.join(base, input_config.splits[0].pattern))


class ImageTextExampleGenExecutor(UnpackagedBeamExecutor):
    """Writes the Examples of each split and the Rejects, and proves that no row was lost."""

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Runs ingestion.

        Raises:
            CatalogueError: the catalogue cannot be read, has no row, or declares splits but no train.
            IngestionError: a split would be empty, or a row is unaccounted for.
        """
        self._log_startup(input_dict, output_dict, exec_properties)
        examples = artifact_utils.get_single_instance(output_dict[standard_component_specs.EXAMPLES_KEY])
        rejects = artifact_utils.get_single_instance(output_dict[REJECTS_KEY])
        image = ImageOptions.model_validate_json(exec_properties[IMAGE_OPTIONS_KEY])
        slices = tuple(slice_.uri for slice_ in input_dict.get(SLICES_KEY, []))
        if not slices:
            # It takes about as long as building Beam's pipeline does.
            start_fork_server()
        catalogue = Catalogue.open(data_options(exec_properties))
        catalogue.check_splits()
        job = IngestionJob(catalogue, image, examples.uri, rejects.uri, slices)
        with job.work_files():
            with self._make_beam_pipeline() as pipeline:
                ingest(pipeline, job)
            if is_file(job.index_list):
                assign_with_files(job, self._make_beam_pipeline)
        _check_account(read_json(rejects.uri, ACCOUNT_FILE))

        examples.split_names = artifact_utils.encode_split_names(list(SPLITS))
        examples_utils.set_payload_format(examples, example_gen_pb2.FORMAT_TF_EXAMPLE)


def _check_account(account: dict[str, Any]) -> None:
    rows, examples, rejects = account["rows"], account["examples"], account["rejects"]
    if rows != sum(examples.values()) + sum(rejects.values()):
        raise IngestionError(
            f"rows are unaccounted for: {pluralize(rows, 'row')}, examples {examples}, rejects {rejects}"
        )
    if empty := [split for split, count in examples.items() if count == 0]:
        raise IngestionError(
            f"no example in split {', '.join(empty)}: of {pluralize(rows, 'row')}, examples {examples}, "
            f"rejects {rejects or 'none'}; add rows, mend the rejected ones (diptych check names them), "
            "or change data.splits or data.split_by"
        )
