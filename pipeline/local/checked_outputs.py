"""Makes TFX write a manifest of what a step puts out, and reuse an earlier result only if it is whole.

TFX itself reuses what exists, whatever is in it, and has no place to put a check: the two functions by which its
launcher publishes and finds results are replaced for a while.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import chain
from typing import Any

from ml_metadata.proto import metadata_store_pb2
from tfx.orchestration import metadata
from tfx.orchestration.portable import cache_utils, execution_publish_utils
from tfx.types.artifact import Artifact

from diptych.models.manifests import Damage, describe_damage, find_damage, read_manifest, write_manifest

_Outputs = Mapping[str, Sequence[Artifact]]
_Report = Callable[[str], None]
# Where TFX's Pusher notes the copy of a model that it has made for a server.
_PUSHED = "pushed_destination"


@contextmanager
def checked_outputs(report: _Report) -> Iterator[None]:
    """Within the block, outputs of steps get manifests, and are reused only if they agree with them.

    Args:
        report: is told in a sentence which file of an earlier result is damaged, when it is about to be reused.
    """
    publish, find = execution_publish_utils.publish_succeeded_execution, cache_utils.get_cached_outputs
    execution_publish_utils.publish_succeeded_execution = partial(_publish, publish)
    cache_utils.get_cached_outputs = partial(_find_whole_outputs, find, report)
    try:
        yield
    finally:
        execution_publish_utils.publish_succeeded_execution = publish
        cache_utils.get_cached_outputs = find


def _publish(publish: Callable[..., Any], *args: Any, output_artifacts: _Outputs, **kwargs: Any) -> Any:
    # Before TFX knows the result: a run that is killed here leaves nothing that could be reused.
    for artifact in chain(*output_artifacts.values()):
        write_manifest(artifact.uri)
    return publish(*args, output_artifacts=output_artifacts, **kwargs)


def _find_whole_outputs(
    find: Callable[..., _Outputs | None],
    report: _Report,
    metadata_handle: metadata.Metadata,
    cache_context: metadata_store_pb2.Context,
) -> _Outputs | None:
    """The newest earlier result that is whole; None if there is none."""
    while outputs := find(metadata_handle=metadata_handle, cache_context=cache_context):
        found = [(artifact.mlmd_artifact, _find_damage(artifact)) for artifact in chain(*outputs.values())]
        if not any(damage for _, damage in found):
            return outputs
        report(f"{describe_damage(list(chain(*(damage for _, damage in found))))}; that result is not reused")
        for artifact, damage in found:
            if damage:
                # TFX finds only what is LIVE.
                artifact.state = metadata_store_pb2.Artifact.ABANDONED
        metadata_handle.store.put_artifacts([artifact for artifact, _ in found])
    return None


def _find_damage(artifact: Artifact) -> list[Damage]:
    """What is damaged of an artifact, and of the copy that a server reads."""
    damage = find_damage(artifact.uri)
    pushed, manifest = artifact.get_string_custom_property(_PUSHED), read_manifest(artifact.uri)
    return damage if damage or not pushed or manifest is None else manifest.find_damage(pushed)
