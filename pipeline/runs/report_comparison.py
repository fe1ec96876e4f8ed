"""``diptych report A --compare B``: sets two runs, or a run and a pushed model, side by side."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from diptych.models.serving.card import ModelCard, card_path, read_card
from diptych.models.serving.whole_model import find_model_damage
from diptych.pipeline.runs.digest import DigestError, digest_dataset
from diptych.pipeline.runs.report import ReportError, find_sources, write_page
from diptych.pipeline.runs.run_folder import RunFolder

if TYPE_CHECKING:
    from diptych.components.report.comparison.compared_run import ComparedRun
    from diptych.components.report.data_collection import ReportSources


def write_comparison(path_a: str, path_b: str, output: str) -> str:
    """Writes a page that sets two runs side by side, and returns its path.

    Args:
        path_a: the folder of a run, or of a pushed model.
        path_b: the same.

    Raises:
        ReportError: a folder holds neither a run nor a whole model.
        OSError: the file cannot be written.
    """
    found = {path: _find(path) for path in (path_a, path_b)}
    from diptych.components.report.comparison.collection import collect_pushed_model
    from diptych.components.report.comparison.comparison import compare_runs
    from diptych.components.report.comparison.pictures import take_pictures
    from diptych.components.report.comparison_page import render_comparison

    runs = {path: _collect(path, each) for path, each in found.items() if not isinstance(each, ModelCard)}
    dataset = next((run.dataset for run in runs.values() if run.dataset), None)
    models = {
        path: collect_pushed_model(path, each, dataset) for path, each in found.items() if isinstance(each, ModelCard)
    }
    sides = {**runs, **models}
    comparison = compare_runs(sides[path_a], sides[path_b])
    return write_page(output, render_comparison(comparison, take_pictures(comparison)))


def _find(path: str) -> ReportSources | ModelCard:
    """What is left of the run in a folder, or the card of the model in it."""
    if not os.path.isfile(card_path(path)):
        try:
            return find_sources(path)
        except ReportError as error:
            raise ReportError(f"{error}; and it is no pushed model, such as runs/shop/pushed/1795925226") from None
    if damage := find_model_damage(path):
        raise ReportError(f"'{path}' holds only a part of a model: {damage}; compare with another version")
    try:
        return read_card(path)
    except ValueError:
        raise ReportError(f"'{path}' holds a model whose card another version of Diptych wrote") from None


def _collect(path: str, sources: ReportSources) -> ComparedRun:
    from diptych.components.report.comparison.collection import collect_run

    summary = RunFolder(path).read_summary() or {}
    try:
        digest = digest_dataset(sources.uris["examples"]).digest if "examples" in sources.uris else ""
    except DigestError:
        digest = ""
    return collect_run(path, sources, summary.get("settings", {}), summary.get("versions", {}), digest)
