"""One row of the catalogue becomes one record, or one reject with its reason."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import Any, Protocol

from components.example_gen.catalogue import Row, images_root
from components.example_gen.images import ImageError, decode, encode, measure
from components.example_gen.options import DataOptions
from components.example_gen.storage import OutsideRootError, open_file, resolve_below
from models import features
from models.images import ImageOptions

#: Every reason for which a row can be rejected, with what to do about it.
REASONS = {
    "malformed_row": "mend the row in the catalogue",
    "missing_image": "name an image in the row",
    "missing_file": "put the image where the row says, or mend the path",
    "outside_root": "keep images below data.images_root and name them by relative paths",
    "unreadable_image": "replace the file by a whole image",
    "empty_description": "write a description",
    "missing_label": "label the row",
    "duplicate": "nothing to do: an equal row (pixels, description and label) is kept",
}


@dataclass(frozen=True)
class Reject:
    """A row that becomes no example.

    Attributes:
        row: number of the row, from 1.
        reason: one of ``REASONS``.
        detail: the offending value, in words.
    """

    row: int
    id: str
    image: str
    reason: str
    detail: str

    def as_json(self) -> dict[str, Any]:
        """The line of ``rejects.jsonl``."""
        return asdict(self)


@dataclass(frozen=True)
class Record:
    """A row that becomes an example: its number, its image's path and its features by name."""

    row: int
    image: str
    values: dict[str, Any]

    @property
    def id(self) -> str:
        """The row's identity."""
        return str(self.values[features.ID])


def build_record(row: Row, data: DataOptions, image: ImageOptions) -> Record | Reject:
    """Reads the row's image and returns the stored record, or why there is none. Raises nothing for a bad row."""

    def reject(reason: str, detail: str) -> Reject:
        return Reject(row.number, row.id, row.image, reason, detail)

    if row.problem:
        return reject("malformed_row", row.problem)
    if not row.image.strip():
        return reject("missing_image", f"column '{data.columns.image}' is empty")
    if not row.description.strip():
        return reject("empty_description", f"column '{data.columns.description}' is empty")
    if not row.label:
        return reject("missing_label", f"column '{data.columns.label}' is empty")
    try:
        with open_file(resolve_below(images_root(data), row.image)) as file:
            content = file.read()
        picture = decode(content, image)
    except OutsideRootError as error:
        return reject("outside_root", str(error))
    except (FileNotFoundError, NotADirectoryError):
        return reject("missing_file", f"there is no file '{row.image}'")
    except ImageError as error:
        return reject("unreadable_image", str(error))
    except (OSError, ValueError) as error:
        return reject("unreadable_image", f"cannot be read: {getattr(error, 'strerror', None) or error}")
    return Record(
        row.number,
        row.image,
        {
            features.ID: row.id,
            features.IMAGE: encode(picture.pixels, image),
            features.DESCRIPTION: row.description,
            features.LABEL: row.label,
            features.GROUP: row.group,
            features.SHA256: picture.sha256,
            features.WIDTH: picture.width,
            features.HEIGHT: picture.height,
            features.FORMAT: picture.format,
            features.FILE_BYTES: len(content),
            **measure(picture),
        },
    )


class Repeated(Protocol):
    """What a duplicate's reject tells of its row."""

    @property
    def row(self) -> int: ...

    @property
    def id(self) -> str: ...

    @property
    def image(self) -> str: ...


def duplicate_key(record: Record) -> str:
    """Equal for records that say the same: pixels, description and label."""
    said = [record.values[name] for name in (features.SHA256, features.DESCRIPTION, features.LABEL)]
    return hashlib.sha256(json.dumps(said).encode()).hexdigest()


def reject_duplicate(repeated: Repeated, kept_row: int) -> Reject:
    """The reject of a record that repeats another row."""
    return Reject(repeated.row, repeated.id, repeated.image, "duplicate", f"repeats row {kept_row}")
