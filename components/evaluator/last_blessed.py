"""The last blessed model: the latest whole version in the push directory, where Pusher puts blessed models.

A Resolver node would find it in the metadata store, but open-source Kubeflow runs none.
"""

from __future__ import annotations

from diptych.models.serving.card import read_card, reason_not_scorable


def reason_not_comparable(candidate: str, blessed: str) -> str | None:
    """Why the last blessed model cannot score the same records as the candidate; None if it can.

    Args:
        candidate: the folder of the candidate's SavedModel.
        blessed: the folder of the last blessed SavedModel, which is whole.
    """
    try:
        last = read_card(blessed)
    except ValueError as error:
        return f"its card cannot be read: {error}"
    own = read_card(candidate)
    if last.task != own.task:
        return f"its task is {last.task}, that of this run {own.task}"
    if reason := reason_not_scorable(last, own.image, own.text is not None):
        return reason
    if set(last.labels) != set(own.labels):
        return f"it knows other labels: {sorted(set(last.labels) ^ set(own.labels))}"
    return None
