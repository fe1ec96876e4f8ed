"""Why a row becomes no example: a closed list of reasons, each with its remedy."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

#: Every reason for which a row can be rejected, and what to do about it.
REASONS = {
    "malformed_row": "mend the row in the catalogue",
    "missing_image": "name an image in the row",
    "several_images": "give each image a row of its own, or say in data.paths.several which ones count",
    "missing_file": "put the image where the row says, mend the path, or say in data.paths what leads to it",
    "ambiguous_path": "write the path as the file's name is spelt",
    "unreadable_file": "make it a regular file that may be read",
    "outside_root": "keep images below data.images_root; data.paths.replace strips what leads to it elsewhere",
    "fetch_failed": "see whether the store answers, then run again; data.fetch says how often it is asked",
    "empty_file": "replace the file by a whole image",
    "not_an_image": "replace the file by an image",
    "unsupported_image": "convert the image to PNG or JPEG",
    "truncated": "replace the file by a whole image",
    "corrupt": "replace the file by a whole image",
    "too_large": "make the file smaller, or raise data.limits.file_mb",
    "too_much_memory": "make the image smaller, or raise data.limits.memory_mb",
    "too_small": "replace the image by a larger one, or lower data.limits.min_side",
    "animated": "replace the animation by a still image, or raise data.limits.frames",
    "too_slow": "replace the file, or raise data.limits.seconds",
    "decoder_failed": "replace the file: it makes the decoder crash or exhaust its memory",
    "missing_description": "write a description, or set data.missing_descriptions: keep; if no row has one, set "
    "data.columns.description: null",
    "description_too_long": "shorten the description, or raise data.limits.text_characters",
    "bad_encoding": "save the catalogue in the encoding that data.encoding names",
    "missing_label": "label the row",
    "several_labels": "set data.several_labels: true, or give the row one label, or add its text to data.labels",
    "unknown_label": "mend the label, or add it to data.labels or data.class_names",
    "unlabelled": "nothing to do: the declared split has no labels; diptych predict --catalogue classifies it",
    "unknown_split": "write train, val or test in the split column",
    "duplicate_id": "give each row an id of its own",
    "duplicate": "nothing to do: a row with the same image is kept (data.duplicates.exact)",
    "near_duplicate": "nothing to do: a row with nearly the same image is kept (data.duplicates.near)",
    "straddling": "nothing to do: a row of its group or image is kept in another declared split (data.straddling)",
}

#: The reason of rows of a declared split without labels: nothing is wrong with them.
UNLABELLED = "unlabelled"


def printable(text: str) -> str:
    """The text with a question mark in the place of each character that UTF-8 cannot hold.

    Such characters stand for bytes of a file name that are not UTF-8.
    """
    return text.encode(errors="replace").decode()


class RowError(ValueError):
    """A row cannot become a record.

    Attributes:
        reason: one of ``REASONS``.
        detail: what is wrong, in words.
    """

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(reason, detail)
        self.reason, self.detail = reason, printable(detail)

    def __str__(self) -> str:
        return self.detail

    @property
    def problem(self) -> tuple[str, str]:
        """Reason and detail, as ``Row.problem`` holds them."""
        return self.reason, self.detail


@dataclass(frozen=True)
class Reject:
    """A row that becomes no example.

    Attributes:
        source: name of the catalogue's file that holds the row.
        row: number of the row in that file, from 1.
        id: the row's id; without one, the path of its image.
        image: the path or name of the image, as the row gives it, but without credentials.
        reason: one of ``REASONS``.
        detail: what is wrong, in words.
        split: the split that the catalogue declares for the row, or None.
    """

    source: str
    row: int
    id: str
    image: str
    reason: str
    detail: str
    split: str | None = None

    def __post_init__(self) -> None:
        if self.reason not in REASONS:
            raise ValueError(f"'{self.reason}' is none of the reasons {sorted(REASONS)}")

    def as_json(self) -> dict[str, Any]:
        """The reject as a JSON object, which is one line of ``rejects.jsonl``; it has no split if none is declared."""
        values = asdict(self)
        if self.split is None:
            del values["split"]
        return values
