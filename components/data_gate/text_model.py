"""The rule about descriptions that decide the label: a linear model of the texts alone makes no mistake."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from diptych.components.data_gate.findings import MAX_IDS, Finding, mention_ids
from diptych.components.data_gate.options import LabelFromTextRule
from diptych.components.data_gate.split_rows import SplitRows, fold_of
from diptych.components.data_gate.text_rows import TextRow, sample_rows
from diptych.models.baselines.text import fit_text_baseline
from diptych.models.errors import DiptychError
from diptych.models.features import DESCRIPTION, TRAIN
from diptych.models.labels import Task
from diptych.models.text.options import TextOptions

ACCURACY = "accuracy of a linear model of the texts"

# Of more rows, as many are looked at, evenly spread; of more labels the most frequent ones, and of longer texts as many
# characters. So the model is fitted within some seconds.
_MAX_TRAIN, _MAX_HELD_OUT, _MAX_LABELS, _MAX_CHARACTERS = 2_000, 2_000, 100, 1_000
# With fewer rows in val and test, all rows judge, in so many folds.
_FEWEST_HELD_OUT, _FOLDS = 100, 3
# That so many rows of labels other than the most frequent one are right is no accident.
_FEWEST_OTHERS = 10


def check_label_from_text(
    splits: Mapping[str, SplitRows], options: TextOptions, rule: LabelFromTextRule
) -> Iterator[Finding]:
    """Fits a linear model of the texts to rows of train, and judges it by rows of val and test.

    It is the model that the network is compared with (``diptych.models.baselines.text``), fitted to fewer rows. If val
    and test have few rows, it is judged by all rows, in a cross-validation that keeps groups together. With few rows of
    other labels than the most frequent one, nothing is found: guessing would be as good.
    """
    if rule.severity == "ignore":
        return
    several = any(len(labels) != 1 for rows in splits.values() for labels in rows.labels)
    task: Task = "multilabel" if several else "multiclass"
    known = _label_counts(splits[TRAIN]).most_common(_MAX_LABELS)
    labels = {label for label, _ in known}
    train = _rows_of([splits[TRAIN]], labels, _MAX_TRAIN)
    judged = _rows_of([rows for split, rows in splits.items() if split != TRAIN], labels, _MAX_HELD_OUT)
    folds = [(train, judged)]
    if len(judged) < _FEWEST_HELD_OUT:
        judged = _rows_of(list(splits.values()), labels, _MAX_TRAIN)
        folds = list(_cut_folds(judged))
    if sum(known[0][0] not in row.labels for row in judged) < _FEWEST_OTHERS:
        return
    try:
        accuracy = _measure(folds, options, task)
    except (ValueError, DiptychError):
        # The options leave no term of these texts, or a fold has one label only: so they decide nothing.
        return
    if accuracy >= rule.accuracy:
        ids = [row.id for row in judged]
        message = (
            f"feature '{DESCRIPTION}': a linear model of the descriptions alone is right for {accuracy:.1%} of "
            f"{len(judged):,} rows that it was not fitted to, gate.label_from_text.accuracy is {rule.accuracy:.1%}: "
            f"the image may be left unlearned{mention_ids(ids)}; if such texts will not be there when the model is "
            "asked, take out of them what tells the label, or set data.columns.description to null"
        )
        yield Finding(
            "label_from_text",
            rule.severity,
            message,
            DESCRIPTION,
            measured=accuracy,
            formula=ACCURACY,
            threshold=rule.accuracy,
            ids=tuple(ids[:MAX_IDS]),
        )


def _cut_folds(rows: Sequence[TextRow]) -> Iterator[tuple[list[TextRow], list[TextRow]]]:
    """Cuts rows into folds, and yields for each fold the other rows and those of the fold."""
    folds = [fold_of(row.group, _FOLDS) for row in rows]
    for number in range(_FOLDS):
        yield (
            [row for row, fold in zip(rows, folds, strict=True) if fold != number],
            [row for row, fold in zip(rows, folds, strict=True) if fold == number],
        )


def _measure(folds: Sequence[tuple[Sequence[TextRow], Sequence[TextRow]]], options: TextOptions, task: Task) -> float:
    """The accuracy of models that are fitted to the first rows of each fold and judged by the second ones.

    Raises:
        ValueError, DiptychError: the rows of a fold have one label only, or no term.
    """
    right: list[bool] = []
    for train, held_out in folds:
        model = fit_text_baseline(_texts(train), [row.labels for row in train], options, task)
        right += [
            set(row.labels) == set(found) for row, found in zip(held_out, model.predict(_texts(held_out)), strict=True)
        ]
    return sum(right) / len(right)


def _label_counts(rows: SplitRows) -> Counter[str]:
    return Counter(label for labels in rows.labels for label in labels)


def _rows_of(parts: Sequence[SplitRows], labels: set[str], most: int) -> list[TextRow]:
    """Rows that have no other labels than some."""
    return [row for row in sample_rows(parts, most) if labels.issuperset(row.labels)]


def _texts(rows: Sequence[TextRow]) -> list[str]:
    return [row.text[:_MAX_CHARACTERS] for row in rows]
