"""The size to store images at: as large as the images are, and as this machine trains on in minutes."""

from __future__ import annotations

import io
from collections.abc import Sequence
from statistics import median

from diptych.components.catalogue.catalogue import Catalogue
from diptych.components.catalogue.readers.rows import CatalogueError
from diptych.components.catalogue.storage import is_remote
from diptych.models.counts import pluralize
from diptych.models.networks.choice import cnn_minutes, inspect_machine
from diptych.models.training.options import TrainOptions
from diptych.pipeline.prepare.proposals.decisions import Decision, Evidence

_SIDES = (32, 64, 96, 128, 160, 192, 224)
_DEFAULT_SIDE = 64
# Where the cnn is trained from nothing. Smaller images lose more than the time is worth.
_MAX_MINUTES, _LEAST_LIMIT = 10, 64
# With pretrained weights. Larger images tell more (photographs at 224 much more than at 128), and the features of each
# are computed once; but every step of a run reads the records, of which so many bytes are pixels.
_PRETRAINED_LIMIT, _MAX_PIXEL_BYTES = 128, 300_000_000
# In the place of a number that is not known.
_SOME_ROWS = 10_000


def propose_size(evidence: Evidence) -> list[Decision]:
    """Height and width: the median of the images, to the nearest multiple of 32, but no more than trains in time."""
    sizes = [size for content in evidence.images if (size := _image_size(content))]
    if not sizes:
        return _decisions(_DEFAULT_SIDE, _DEFAULT_SIDE, "no image could be opened; these are the defaults")
    widths, heights = zip(*sizes, strict=True)
    width, height = median(widths), median(heights)
    limit, why = _largest_side(evidence)
    reason = f"the images are {width:g} wide and {height:g} high in the median"
    if max(width, height) >= limit + 32:
        reason += f"; {why}"
    scale = min(1.0, limit / max(width, height))
    return _decisions(_round(height * scale), _round(width * scale), reason)


def _decisions(height: int, width: int, reason: str) -> list[Decision]:
    return [Decision("image.height", height, reason), Decision("image.width", width, "likewise")]


def _round(side: float) -> int:
    return min(_SIDES, key=lambda limit: abs(limit - side))


def _largest_side(evidence: Evidence) -> tuple[int, str]:
    """The largest side on which the default training takes some minutes, and a phrase that says so."""
    machine = inspect_machine()
    if machine.has_gpu:
        return _SIDES[-1], "no larger size is proposed"
    rows = _count_rows(evidence.catalogue)
    counted = pluralize(rows, "row")
    if machine.has_weights:
        fitting = [side for side in _SIDES if rows * 3 * side**2 <= _MAX_PIXEL_BYTES]
        side = max([_PRETRAINED_LIMIT, *fitting])
        if side == _SIDES[-1]:
            return side, "ImageNet's weights are of a network for that size"
        return side, f"larger ones would be more than {_MAX_PIXEL_BYTES / 1e6:.0f} MB of pixels ({counted})"
    cores = machine.cores
    fitting = [side for side in _SIDES if _minutes(side, rows, cores) <= _MAX_MINUTES]
    side = max([_LEAST_LIMIT, *fitting])
    return side, f"larger ones may train for more than {_MAX_MINUTES} minutes on {pluralize(cores, 'core')} ({counted})"


def _count_rows(catalogue: Catalogue) -> int:
    """The number of rows. Those of a remote catalogue are not counted, because that may mean to fetch all of it."""
    if is_remote(catalogue.data.catalogue):
        return _SOME_ROWS
    try:
        return catalogue.count_rows()
    except CatalogueError:
        # A column is not known yet; the person will name it.
        return _SOME_ROWS


def _minutes(side: int, rows: int, cores: int) -> float:
    """How long the cnn takes, in minutes, if its training is not stopped early."""
    return cnn_minutes(rows, (side, side), TrainOptions().epochs, cores)


def _image_size(content: bytes) -> tuple[int, int] | None:
    """Width and height that an image's header declares, in pixels; None if it is no image."""
    from PIL import Image

    try:
        with Image.open(io.BytesIO(content)) as opened:
            return opened.size
    except Exception:  # Pillow raises errors of any class; a run says what is wrong with each image
        return None


def images_opened(contents: Sequence[bytes]) -> int:
    """How many of the contents are images, by their headers."""
    return sum(_image_size(content) is not None for content in contents)
