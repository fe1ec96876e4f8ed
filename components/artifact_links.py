"""Executors of TFX's that build patterns of the paths of artifacts are given paths without signs of patterns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from tfx import types

from diptych.models.pattern_signs import plain_paths


@contextmanager
def plain_uris(*artifacts: Mapping[str, Sequence[types.Artifact]]) -> Iterator[None]:
    """Within the block, an artifact whose local path has a sign of patterns is reached by a link whose path has none.

    Args:
        artifacts: the inputs and the outputs of an executor, each a key to artifacts, whose ``uri`` is changed.

    What is written into its properties in the block, such as the path of a model, names no link afterwards.

    Raises:
        TemporaryFolderError: as ``plain_paths``.
    """
    all_artifacts = [each for by_key in artifacts for listed in by_key.values() for each in listed]
    with plain_paths(artifact.uri for artifact in all_artifacts) as links:
        for artifact in all_artifacts:
            artifact.uri = links.get(artifact.uri, artifact.uri)
        try:
            yield
        finally:
            paths = {link: path for path, link in links.items()}
            for artifact in all_artifacts:
                artifact.uri = paths.get(artifact.uri, artifact.uri)
                _restore_properties(artifact, paths)


def _restore_properties(artifact: types.Artifact, paths: Mapping[str, str]) -> None:
    """Writes paths for the links in the properties of an artifact."""
    for value in artifact.mlmd_artifact.custom_properties.values():
        for link, path in paths.items():
            if value.string_value == link or value.string_value.startswith(f"{link}/"):
                value.string_value = path + value.string_value[len(link) :]
