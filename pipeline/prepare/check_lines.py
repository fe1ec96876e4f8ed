"""What ``diptych check`` prints and writes: rejects by reason, and the findings of the gate."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from diptych.components.catalogue.reasons import REASONS, Reject
from diptych.models.atomic_files import write_text
from diptych.models.counts import pluralize
from diptych.pipeline.prepare.check import CheckResult

_MAX_LABELS = 20
_EXAMPLES_BY_REASON = 3


def describe_check(result: CheckResult) -> Iterator[str]:
    """What a person reads: counts, labels, rejects by reason with some of their rows, and findings."""
    examples, rejects = sum(result.examples.values()), len(result.rejects)
    yield f"{pluralize(result.rows, 'row')} = {pluralize(examples, 'example')} + {pluralize(rejects, 'reject')}"
    yield "Examples: " + ", ".join(f"{split} {count:,}" for split, count in result.examples.items())
    if result.declared:
        yield f"Splits {result.declared.describe()}"
    yield from _label_lines(result)
    for reason, of_reason in group_by_reason(result.rejects).items():
        yield f"Rejected: {len(of_reason):,} {reason}; {REASONS[reason]}"
        for reject in of_reason[:_EXAMPLES_BY_REASON]:
            yield f"  {reject.source} row {reject.row}, {reject.image or 'no image'}: {reject.detail}"
        if len(of_reason) > _EXAMPLES_BY_REASON:
            yield f"  and {len(of_reason) - _EXAMPLES_BY_REASON:,} more"
    # Rejects that only warn have been said.
    said = [finding for finding in result.findings if finding.stops or finding.rule != "rejects"]
    for finding in sorted(said, key=lambda finding: not finding.stops):
        yield f"A run would {'stop' if finding.stops else 'warn'}: {finding.rule}: {finding.message}"
    if empty := result.empty_splits:
        yield f"A run would stop: no example in split {', '.join(empty)}"
    yield f"Only a run applies these rules of the gate: {', '.join(result.not_applied)}"


def check_as_json(result: CheckResult) -> dict[str, Any]:
    """The result as a JSON object."""
    return {
        "rows": result.rows,
        "examples": result.examples,
        "labels": result.labels,
        "declared": result.declared.model_dump() if result.declared else None,
        "rejects": [reject.as_json() for reject in result.rejects],
        "findings": [finding.as_json() for finding in result.findings],
        "not_applied": list(result.not_applied),
    }


def group_by_reason(rejects: Sequence[Reject]) -> dict[str, list[Reject]]:
    """The rejects of each reason, the most frequent reason first."""
    groups: dict[str, list[Reject]] = {}
    for reject in rejects:
        groups.setdefault(reject.reason, []).append(reject)
    return dict(sorted(groups.items(), key=lambda item: (-len(item[1]), item[0])))


def write_rejects(rejects: Sequence[Reject], path: str) -> None:
    """Writes every reject, one JSON object a line, as a run does to ``rejects.jsonl``.

    Raises:
        OSError: the file cannot be written.
    """
    lines = (json.dumps(reject.as_json(), ensure_ascii=False) + "\n" for reject in rejects)
    write_text(path, "".join(lines), errors="replace")


def _label_lines(result: CheckResult) -> Iterator[str]:
    """A line for each of the most frequent labels, with its examples in each split."""
    by_frequency = sorted(result.labels.items(), key=lambda item: -sum(item[1].values()))
    for label, counts in by_frequency[:_MAX_LABELS]:
        total = sum(counts.values())
        shares = ", ".join(f"{split} {count:,} ({count / total:.1%})" for split, count in counts.items())
        yield f"Label '{label}': {shares}"
    if len(by_frequency) > _MAX_LABELS:
        yield f"and {pluralize(len(by_frequency) - _MAX_LABELS, 'more label')}; --json lists all"
