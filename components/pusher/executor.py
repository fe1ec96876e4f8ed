"""The executor of Pusher."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import Any

from tfx.components.pusher import executor
from tfx.proto import pusher_pb2
from tfx.types import artifact_utils, standard_component_specs
from tfx.utils import io_utils, proto_utils

from diptych.components.artifact_types import ArtifactsByKey
from diptych.components.catalogue.transfer import copy_folder, local_copy
from diptych.components.version_store import add_version, list_versions
from diptych.models.manifests import Manifest
from diptych.models.serving.whole_model import SAVED_MODEL_FILE


class PusherExecutor(executor.Executor):
    """Pushes a blessed model as a whole or not at all.

    TFX's own executor copies it into a folder that already has the version's number: if it is killed, it leaves half a
    version for ever. And the number is the time in seconds: of two models that are pushed at once, one is left out.
    """

    def Do(self, input_dict: ArtifactsByKey, output_dict: ArtifactsByKey, exec_properties: dict[str, Any]) -> None:
        """Pushes the model if it is blessed, and says where in the properties of the output, as TFX's executor does.

        A model that the last version holds already, byte by byte, is not pushed again: a run may have been killed after
        its push, before it could note it.

        Raises:
            OSError: the model cannot be read, or the push directory cannot be written.
        """
        pushed = artifact_utils.get_single_instance(output_dict[standard_component_specs.PUSHED_MODEL_KEY])
        if not self.CheckBlessing(input_dict):
            self._MarkNotPushed(pushed)
            return
        model = self.GetModelPath(input_dict)
        io_utils.copy_dir(model, pushed.uri)
        destination = pusher_pb2.PushDestination()
        proto_utils.json_to_proto(exec_properties[standard_component_specs.PUSH_DESTINATION_KEY], destination)
        directory = destination.filesystem.base_directory
        version = _find_last_push(model, directory) or add_version(
            directory, lambda folder: copy_folder(model, folder), last=SAVED_MODEL_FILE
        )
        self._MarkPushed(pushed, pushed_destination=version, pushed_version=os.path.basename(version))


def _find_last_push(model: str, directory: str) -> str | None:
    """The last version in a directory if it is a whole copy of the model; None if it is not, or cannot be read."""
    with suppress(OSError):
        for version in list_versions(directory)[:1]:
            with local_copy(version) as folder:
                return None if Manifest.of_folder(model).find_damage(folder) else version
    return None
