"""TFX publishes outputs with manifests, and finds an earlier result only if it is whole."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from tfx.orchestration import metadata
from tfx.orchestration.portable import cache_utils, execution_publish_utils
from tfx.orchestration.portable.mlmd import context_lib
from tfx.proto.orchestration import pipeline_pb2
from tfx.types import standard_artifacts

from diptych.models.manifests import manifest_path
from diptych.pipeline.local.checked_outputs import checked_outputs


class Step:
    """A step that has put out a model a few times, each time with the same inputs and options."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.said: list[str] = []
        self._handle = metadata.Metadata(metadata.sqlite_metadata_connection_config(str(folder / "metadata.sqlite")))

    def run(self) -> Path:
        """Publishes a result and returns its folder, in which is the file ``model``."""
        with self._handle as handle, checked_outputs(self.said.append):
            kind = pipeline_pb2.NodeInfo(id="Trainer").type
            kind.name = "Trainer"
            contexts = [self._context(handle)]
            execution = execution_publish_utils.register_execution(
                metadata_handle=handle, execution_type=kind, contexts=contexts
            )
            model = standard_artifacts.Model()
            model.uri = str(self._folder / "artifacts" / "Trainer" / "model" / str(execution.id))
            Path(model.uri).mkdir(parents=True)
            Path(model.uri, "model").write_bytes(b"weights")
            execution_publish_utils.publish_succeeded_execution(
                metadata_handle=handle,
                execution_id=execution.id,
                contexts=contexts,
                output_artifacts={"model": [model]},
            )
        return Path(model.uri)

    def found(self) -> Path | None:
        """The folder of the result that would be reused."""
        with self._handle as handle, checked_outputs(self.said.append):
            outputs = cache_utils.get_cached_outputs(metadata_handle=handle, cache_context=self._context(handle))
        return Path(outputs["model"][0].uri) if outputs else None

    def _context(self, handle: metadata.Metadata) -> object:
        return context_lib.register_context_if_not_exists(
            metadata_handle=handle, context_type_name=context_lib.CONTEXT_TYPE_EXECUTION_CACHE, context_name="key"
        )


@pytest.fixture
def step(tmp_path: Path) -> Step:
    return Step(tmp_path)


def test_a_whole_result_is_found_and_nothing_is_said(step: Step) -> None:
    step.run()
    newest = step.run()
    assert step.found() == step.found() == newest
    assert step.said == []


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda folder: (folder / "model").write_bytes(b"wEights"), "/model' does not hold what its step wrote"),
        (lambda folder: (folder / "model").unlink(), "/model' is missing"),
        (lambda folder: Path(manifest_path(str(folder))).unlink(), "' cannot be checked: it has no whole manifest"),
    ],
    ids=["flipped", "deleted", "no manifest"],
)
def test_a_damaged_result_is_passed_over_for_good(step: Step, damage: Callable[[Path], None], said: str) -> None:
    older, newest = step.run(), step.run()
    damage(newest)
    assert step.found() == older
    assert step.said == [f"'{newest}{said}; that result is not reused"]
    damage(older)
    assert step.found() is None
    assert len(step.said) == 2
    assert step.found() is None
    assert len(step.said) == 2
    assert newest.is_dir()
    again = step.run()
    assert step.found() == again


def test_afterwards_tfx_is_as_it_was() -> None:
    before = execution_publish_utils.publish_succeeded_execution, cache_utils.get_cached_outputs
    with pytest.raises(ValueError, match="boom"), checked_outputs(print):
        raise ValueError("boom")
    assert (execution_publish_utils.publish_succeeded_execution, cache_utils.get_cached_outputs) == before
