"""Renders the page of a run. It loads nothing, and runs no script but ``page.js``; the templates escape all text."""

from __future__ import annotations

import base64
import hashlib
from importlib import resources
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from diptych.components.report.finding_rows import show_findings
from diptych.components.report.formatting import FILTERS
from diptych.components.report.gallery_view import view_gallery
from diptych.components.report.lineage_graph import lay_out_graph
from diptych.components.report.look_first import list_items
from diptych.components.report.model_tables import (
    best_baselines,
    compare_models,
    is_improvement,
    judge_network,
    list_label_scores,
    list_slices,
)
from diptych.components.report.page_charts import make_drift_charts, make_model_charts, make_profile_charts
from diptych.components.report.reject_tables import group_rejects, rejects_csv_uri
from diptych.components.report.report_data import ReportData
from diptych.components.report.section_summaries import summarize_sections
from diptych.components.report.statistics_tables import (
    list_plain_features,
    make_label_table,
    make_numeric_card,
    make_value_table,
)
from diptych.models import features
from diptych.models.metrics import shown_metrics
from diptych.models.shown_text import show_text

_MAX_VALUES = 5
_MAX_SLICES = 60


def make_environment() -> Environment:
    """Jinja's environment of the templates. All text is escaped and can be seen, and an undefined name is an error."""
    loader = PackageLoader("diptych.components.report", "templates")
    environment = Environment(
        loader=loader,
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_show,
    )
    environment.filters.update(FILTERS)
    environment.tests["improvement_of"] = lambda gain, metric: is_improvement(metric, gain)
    return environment


def _show(value: Any) -> Any:
    # Markup was rendered from texts that were shown so.
    return value if isinstance(value, Markup) or not isinstance(value, str) else show_text(value)


def render_report(data: ReportData) -> str:
    """The HTML of the page."""
    plain = list_plain_features(data.statistics)
    with_card = {name: splits for name, splits in data.statistics.items() if name not in {row.feature for row in plain}}
    numeric = {name: splits for name, splits in with_card.items() if any(each.numbers for each in splits.values())}
    texts = {name: splits for name, splits in with_card.items() if name not in numeric and name != features.LABEL}
    decision, account = data.decision, data.account
    slices = list_slices(decision.slices, decision.last_blessed_slices) if decision else []
    models = compare_models(data)
    script = _read_script()
    template = make_environment().get_template("report.html")
    return template.render(
        report=data,
        items=list_items(data),
        has_texts=account is None or account.descriptions,
        examples={split: account.examples[split] for split in features.SPLITS if split in account.examples}
        if account
        else {},
        rejected=sum(account.rejects.values()) if account else 0,
        reject_groups=group_rejects(account.rejects, data.rejects) if account else [],
        rejects_csv=rejects_csv_uri(data.rejects),
        findings=show_findings(data.verdict.findings if data.verdict else [], data.finding_rows),
        numeric_cards=[make_numeric_card(name, numeric[name], data.reference.get(name)) for name in numeric],
        value_tables=[make_value_table(name, splits, _MAX_VALUES) for name, splits in texts.items()],
        plain_features=plain,
        drift_charts=make_drift_charts(data),
        label_table=make_label_table(account.labels, account.examples) if account else None,
        extremes={each.feature: each for each in data.profile.extremes} if data.profile else {},
        gallery=view_gallery(data.gallery) if data.gallery else None,
        said=summarize_sections(data),
        models=models,
        verdict=judge_network(models, data.blessed),
        label_scores=list_label_scores(data.per_label),
        best_baselines=best_baselines(models),
        metric_names=shown_metrics(decision.metrics) if decision else [],
        slices=slices[:_MAX_SLICES],
        slices_left_out=len(slices) - _MAX_SLICES,
        longest=max((usage.seconds for usage in data.usage.values()), default=0.0) or 1.0,
        graph=lay_out_graph(data.lineage.upstream),
        script=Markup(script),
        # The policy of the page lets no other script run (W3C, Content Security Policy Level 3, section 2.3.1).
        script_digest=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        **make_profile_charts(data.profile),
        **make_model_charts(data),
    )


def _read_script() -> str:
    return resources.files("diptych.components.report.templates").joinpath("page.js").read_text(encoding="utf-8")
