"""The rules that need only counts and ids: rejected rows, and labels that cannot be learned."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

from diptych.components.catalogue.reasons import UNLABELLED
from diptych.components.data_gate.findings import MAX_IDS, SHARE_OF_ROWS, Finding
from diptych.components.data_gate.options import RejectsRule
from diptych.components.declared_account import DeclaredAccount
from diptych.models import features
from diptych.models.counts import join_names, pluralize
from diptych.models.errors import nearest
from diptych.models.features import TRAIN
from diptych.models.labels import LabelOptions

# Of more labels that train lacks, one finding tells.
_MAX_UNKNOWN = 3


def check_rejects(rows: int, rejects: Sequence[Mapping[str, Any]], rule: RejectsRule) -> Iterator[Finding]:
    """A finding if any row was rejected; it only warns if the share of rejected rows is within the limit.

    Rows of declared splits without labels do not count: see ``check_unlabelled``.

    Args:
        rows: the number of rows of the catalogue.
        rejects: the lines of ``rejects.jsonl``.
    """
    unlabelled = sum(reject["reason"] == UNLABELLED for reject in rejects)
    rejects, rows = [reject for reject in rejects if reject["reason"] != UNLABELLED], rows - unlabelled
    if not rejects:
        return
    share = len(rejects) / rows
    named = join_names(f"row {reject['row']} ({reject['reason']}: {reject['detail']})" for reject in rejects)
    of_rows = f"{len(rejects):,} of {pluralize(rows, 'row')} ({share:.1%})"
    message = f"{of_rows} {'was' if len(rejects) == 1 else 'were'} rejected: {_count_reasons(rejects)}; {named}"
    remedy = f"; gate.rejects.max allows {rule.max:.1%}: mend the rows or raise it"
    within = share <= rule.max
    yield Finding(
        "rejects",
        "warn" if within and rule.severity == "stop" else rule.severity,
        message if within else message + remedy,
        measured=share,
        formula=SHARE_OF_ROWS,
        threshold=rule.max,
        ids=tuple(reject["id"] for reject in rejects if reject["id"])[:MAX_IDS],
    )


def _count_reasons(rejects: Iterable[Mapping[str, Any]]) -> str:
    counts = Counter(reject["reason"] for reject in rejects)
    return ", ".join(f"{count:,} {reason}" for reason, count in counts.most_common())


def check_unlabelled(rejects: Iterable[Mapping[str, Any]]) -> Iterator[Finding]:
    """A warning for each declared split whose rows have no labels.

    Args:
        rejects: the lines of ``rejects.jsonl``.
    """
    by_split: dict[str, list[str]] = defaultdict(list)
    for reject in rejects:
        if reject["reason"] == UNLABELLED:
            by_split[reject["split"]].append(reject["id"])
    for split, ids in sorted(by_split.items()):
        unused = pluralize(len(ids), "row is", "rows are")
        message = (
            f"split '{split}', as the catalogue declares it, has no labels: {unused} not used, and "
            f"'{split}' is taken from '{TRAIN}' instead; diptych predict RUN --catalogue classifies them"
        )
        yield Finding("unlabelled", "warn", message, features.LABEL, split, ids=tuple(filter(None, ids))[:MAX_IDS])


def check_lost_splits(rejects: Iterable[Mapping[str, Any]], declared: DeclaredAccount | None) -> Iterator[Finding]:
    """A finding for each declared split of which no row became an example, though it has labels.

    Args:
        rejects: the lines of ``rejects.jsonl``.
        declared: the splits that the catalogue declares; None if it declares none.
    """
    for split in declared.from_train if declared else ():
        lost = [row for row in rejects if row.get("split") == split and row["reason"] != UNLABELLED]
        if lost:
            message = (
                f"split '{split}', as the catalogue declares it, lost all of its rows ({_count_reasons(lost)}), so it "
                f"would be taken from '{TRAIN}': mend the rows"
            )
            ids = [reject["id"] for reject in lost if reject["id"]]
            yield Finding("lost_split", "stop", message, None, split, ids=tuple(ids[:MAX_IDS]))


def check_learnable_labels(
    labels: Mapping[str, Mapping[str, list[str]]], declared: Collection[str], options: LabelOptions
) -> list[Finding]:
    """Findings about labels that no network could learn: a single one, or some that only val or test has.

    Args:
        labels: split to label to the ids of its rows.
        declared: the splits that the catalogue declares; no setting gives them other rows.
    """
    known = labels[TRAIN]
    findings = []
    if len(known) < 2:
        message = f"split '{TRAIN}' holds one label only ({join_names(known)}); two are needed"
        findings.append(_stop("single_label", message, TRAIN, [row_id for ids in known.values() for row_id in ids]))
    if options.unknown is not None and options.unknown not in known:
        findings.append(_stop("unknown_label", _no_such_label(options.unknown, known), TRAIN, []))
    for split, of_split in labels.items():
        unknown = {label: ids for label, ids in sorted(of_split.items()) if label not in known}
        resplit = "" if split in declared else "change data.seed or data.splits, "
        if len(unknown) > _MAX_UNKNOWN:
            subject = f"{len(unknown):,} labels ({join_names(repr(label) for label in unknown)}) are"
            ids = [row_id for of_label in unknown.values() for row_id in of_label]
            hint = "look whether data.columns.label names classes, "
            findings.append(_unknown_label(subject, split, ids, hint + resplit, options))
            continue
        for label, ids in unknown.items():
            subject = f"label '{label}' is"
            findings.append(_unknown_label(subject, split, ids, nearest(label, known) + resplit, options))
    return findings


def _stop(rule: str, message: str, split: str, ids: list[str]) -> Finding:
    return Finding(rule, "stop", message, features.LABEL, split, ids=tuple(ids[:MAX_IDS]))


def _no_such_label(label: str, known: Iterable[str]) -> str:
    return (
        f"label.unknown: '{label}' is no label of split '{TRAIN}'; {nearest(label, known)}"
        f"name one of its labels ({join_names(sorted(known))}), or none"
    )


def _unknown_label(subject: str, split: str, ids: list[str], hints: str, options: LabelOptions) -> Finding:
    """A finding about one label or several together.

    Args:
        subject: the labels, with the verb.
        hints: remedies that suit them; each ends with what goes before the next.
    """
    problem = f"{subject} in split '{split}' (rows with id {join_names(ids)}) but not in '{TRAIN}'"
    if options.unknown is not None:
        message = f"{problem}: counted as '{options.unknown}' (label.unknown)"
        return Finding("unknown_label", "warn", message, features.LABEL, split, ids=tuple(ids[:MAX_IDS]))
    message = (
        f"{problem}, where labels are learned: {hints}add such rows to it, join such labels with others, or name in "
        "label.unknown the label that such ones count as"
    )
    return _stop("unknown_label", message, split, ids)
