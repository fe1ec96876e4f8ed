"""What ``assignment`` decides in memory, decided with files: the same for every record, however many there are.

| what | how |
| --- | --- |
| equal ids, pixels and contents | records are parted by the digest, and the first of each part's equal ones is kept |
| near duplicates | each hash is compared within the buckets of its bands: see ``diptych.models.images.hamming`` |
| clusters of groups, equal and near images | connected components: see ``star_components`` |
| splits | by the hash of the cluster's key; with ``data.stratify``, bounds by counts: see ``strata`` |

No task holds more records than a block has, but for these: with ``data.duplicates.near: drop`` the pairs of the largest
set of images that are near each other through others, and with any ``near`` the largest bucket of different hashes.
Chunks, shards, and labels with their counts are held for all of the catalogue.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

from diptych.components.catalogue.readers.rows import CatalogueError
from diptych.components.example_gen.assignment import check_declared
from diptych.components.example_gen.external.blocks import (
    RECORDS_PER_BLOCK,
    Blocks,
    Decisions,
    count_splits,
    plan_blocks,
)
from diptych.components.example_gen.external.clusters import find_clusters, find_near_duplicates
from diptych.components.example_gen.external.grouping import find_latest, find_repeated
from diptych.components.example_gen.external.outcome import Outcome
from diptych.components.example_gen.external.sharing import Splits, share_out
from diptych.components.example_gen.external.stages import Counts, ScratchError, Stage, StageRunner
from diptych.components.example_gen.index_files import read_index_files
from diptych.components.example_gen.ingestion_job import IngestionJob
from diptych.models.features import SPLITS
from diptych.models.progress import report_progress


def assign_with_files(job: IngestionJob, make_pipeline: Callable[[], Any]) -> None:
    """Writes shards, rejects and account from the work files, where ``ingest`` has left that to do.

    Args:
        make_pipeline: makes an empty Beam pipeline.

    Raises:
        CatalogueError: see ``assign_splits``; or files would take more than ``data.limits.scratch_gb``.
    """
    data, files = job.catalogue.data, read_index_files(job.index_list)
    report_progress(
        "note", text=f"there are more than {data.limits.most_rows_in_memory:,} records: with bounded memory"
    )
    blocks, gather = plan_blocks(files, data, job.stages_uri, min(RECORDS_PER_BLOCK, data.limits.most_rows_in_memory))
    runner = StageRunner(make_pipeline, job.stages_uri, data.limits.scratch_gb * 1e9, job.wanted)
    runner.add(gather)
    runner.discard(job.index_uri)
    try:
        Outcome(job, decide(blocks, runner)).write(sum(file.rows for file in files), runner)
    except ScratchError as error:
        raise CatalogueError(
            f"data.limits.scratch_gb: to find duplicates and splits of {blocks.starts[-1]:,} records, files took "
            f"{error.taken / 1e9:.1f} GB of the disk, of {data.limits.scratch_gb:g} GB; raise the limit, or "
            "data.limits.rows_in_memory where there is memory for more"
        ) from None


def decide(blocks: Blocks, runner: StageRunner) -> Splits:
    """Finds the duplicates and chooses the splits.

    Raises:
        CatalogueError: see ``assign_splits``.
    """
    decisions = reject_duplicates(settle_straddling(Decisions(blocks), runner), runner)
    (kept,) = runner.run(Stage("kept", blocks.count, partial(_count_kept, decisions)))
    missing = [split for split in range(len(SPLITS)) if not kept[str(split)]]
    check_declared(missing, blocks.data)
    return share_out(decisions, missing, runner) if missing else Splits(decisions)


def settle_straddling(decisions: Decisions, runner: StageRunner) -> Decisions:
    """Moves or rejects the records whose cluster lies in several declared splits, if ``data.straddling`` says so."""
    policy = decisions.blocks.data.straddling
    if policy == "report":
        return decisions
    roots = find_clusters(decisions, "straddling-clusters", runner)
    found = find_latest(decisions, roots, runner)
    return replace(decisions, moved=(found,)) if policy == "move" else decisions.reject("straddling", found)


def reject_duplicates(decisions: Decisions, runner: StageRunner) -> Decisions:
    """Rejects the records that repeat others, as ``find_duplicates`` does."""
    data = decisions.blocks.data
    if data.columns.id:
        decisions = decisions.reject("duplicate_id", find_repeated(decisions, "repeated-ids", "id", runner))
    if data.duplicates.exact != "keep":
        is_dropped = data.duplicates.exact == "drop"
        column = "pixels" if is_dropped else "content"
        # A row that is repeated in another declared split is no needless one: the data gate must see it.
        found = find_repeated(decisions, "repeated", column, runner, within_split=not is_dropped)
        decisions = decisions.reject("duplicate", found)
    if data.duplicates.near == "drop":
        decisions = decisions.reject("near_duplicate", *find_near_duplicates(decisions, runner))
    return decisions


def _count_kept(decisions: Decisions, block: int) -> Counts:
    return count_splits(decisions.splits(block)[decisions.kept(block)])
