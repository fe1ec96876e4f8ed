"""The executor of Pusher."""

from __future__ import annotations

import os
from typing import Any

from tfx.components.pusher import executor
from tfx.proto import pusher_pb2
from tfx.types import artifact_utils, standard_component_specs
from tfx.utils import io_utils, proto_utils

from diptych.components.artifact_types import ArtifactsByKey
from diptych.components.catalogue.transfer import copy_folder
from diptych.components.version_store import add_version
from diptych.models.serving.whole_model import SAVED_MODEL_FILE


class PusherExecutor(executor.Executor):
    """Pushes a blessed model as a whole or not at all.

    TFX's own executor copies it into a folder that already has the version's number: if it is killed, it leaves half a
    version for ever. And the number is the time in seconds: of two models that are pushed at once, one is left out.
    """

    def Do(self, input_dict: ArtifactsByKey, output_dict: ArtifactsByKey, exec_properties: dict[str, Any]) -> None:
        """Pushes the model if it is blessed, and says where in the properties of the output, as TFX's executor does.

        Raises:
            OSError: the model cannot be read, or the push directory cannot be written.
        """
        pushed = artifact_utils.get_single_instance(output_dict[standard_component_specs.PUSHED_MODEL_KEY])
        if not self.CheckBlessing(input_dict):
            self._MarkNotPushed(pushed)
            return
        model = self.GetModelPath(input_dict)
        # First the artifact: what may fail after the push would make the next run push the same model again.
        io_utils.copy_dir(model, pushed.uri)
        destination = pusher_pb2.PushDestination()
        proto_utils.json_to_proto(exec_properties[standard_component_specs.PUSH_DESTINATION_KEY], destination)
        version = add_version(
            destination.filesystem.base_directory, lambda folder: copy_folder(model, folder), last=SAVED_MODEL_FILE
        )
        self._MarkPushed(pushed, pushed_destination=version, pushed_version=os.path.basename(version))
