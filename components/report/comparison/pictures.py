"""Pictures of the rows that a comparison shows."""

from __future__ import annotations

from diptych.components.report.comparison.comparison import Comparison
from diptych.components.report.report_data import Thumbnail
from diptych.components.report.thumbnails import make_thumbnails


def take_pictures(comparison: Comparison) -> dict[str, Thumbnail]:
    """The id of each row that is shown to its picture, from the first dataset that there is.

    Raises:
        tf.errors.OpError: a file cannot be read, or an image is not stored as the account says.
    """
    dataset = next((run.dataset for run in (comparison.a, comparison.b) if run.dataset), None)
    if dataset is None:
        return {}
    rows = {row_id: dataset.rows[row_id] for row_id in comparison.pictured()}
    places: dict[str, list[int]] = {}
    for row in rows.values():
        places.setdefault(row.split, []).append(row.place)
    made = make_thumbnails(dataset.examples, places, dataset.image)
    return {row_id: made[row.split, row.place] for row_id, row in rows.items()}
