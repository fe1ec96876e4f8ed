"""``diptych verify``: whether everything that a run left is as it was written. Neither TFX nor TensorFlow is needed."""

from __future__ import annotations

import os
from dataclasses import dataclass
from itertools import chain

from diptych.models.counts import pluralize
from diptych.models.errors import DiptychError
from diptych.models.manifests import Damage, Manifest, find_damage, read_manifest
from diptych.pipeline.runs.metadata_file import find_metadata_problem
from diptych.pipeline.runs.run_folder import PUSHED_MODEL, RunFolder


class VerifyError(DiptychError):
    """There is nothing to verify; the message says what was looked for."""


@dataclass(frozen=True)
class Verification:
    """What was checked, and what was found.

    Attributes:
        folders: the number of artifacts, and of copies of models that were pushed.
        files: the number of files that were written to them.
        size: the size of these files in bytes.
        damage: what is damaged.
    """

    folders: int
    files: int
    size: int
    damage: list[Damage]

    def describe(self) -> str:
        """What was checked, in one line."""
        files, folders = pluralize(self.files, "file"), pluralize(self.folders, "artifact")
        result = f"{pluralize(len(self.damage), 'fault')} found" if self.damage else "all are as they were written"
        return f"{files} of {folders}, {self.size / 1e6:,.1f} MB, and the metadata: {result}"


def verify_run(path: str) -> Verification:
    """Checks the metadata, the artifacts that the last run in a folder made or reused, and the model that it pushed.

    Where it ended none of its steps, or was killed before it wrote a summary, the newest artifacts that have a manifest
    are checked.

    Args:
        path: the folder of a run, or a copy of it.

    Raises:
        VerifyError: there is no artifact with a manifest.
        MetadataError: another program keeps a lock on the metadata.
        OSError: the metadata cannot be read.
    """
    run = RunFolder(path)
    manifests = _find_manifests(run)
    if not any(manifests.values()):
        raise VerifyError(
            f"'{run.path}' has no manifests to verify: it is not the folder of a run, or was made before Diptych wrote "
            "any; run it again in the same folder"
        )
    checks = (
        manifest.find_damage(folder) if manifest else find_damage(folder) for folder, manifest in manifests.items()
    )
    damage = list(chain(*checks))
    if problem := find_metadata_problem(run.metadata_file):
        damage.append(Damage(run.metadata_file, problem))
    if os.path.exists(run.summary_file) and run.read_summary() is None:
        damage.append(Damage(run.summary_file, "does not hold a summary"))
    known = [manifest for manifest in manifests.values() if manifest]
    files, size = sum(len(manifest.files) for manifest in known), sum(manifest.size for manifest in known)
    return Verification(len(manifests), files, size, damage)


def _find_manifests(run: RunFolder) -> dict[str, Manifest | None]:
    """Folders with the manifests that tell what they should hold; None for one that has none."""
    results = run.results()
    if not results:
        newest = {folder: read_manifest(folder) for folder in run.newest_artifacts().values()}
        # A step that was killed has left a folder without one.
        return {folder: manifest for folder, manifest in newest.items() if manifest}
    manifests = {folder: read_manifest(folder) for folder in results.values()}
    pushed = (run.read_summary() or {}).get("pushed")
    if pushed and PUSHED_MODEL in results:
        # What is pushed is a copy of the artifact.
        manifests[str(pushed)] = manifests[results[PUSHED_MODEL]]
    return manifests
