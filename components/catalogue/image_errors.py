"""Why an image file is refused."""

from __future__ import annotations

import re

from diptych.components.catalogue.reasons import RowError

# Reasons for a reject, each with a pattern of error messages. For broken files Pillow raises SyntaxError, struct.error,
# OverflowError and more; only the message tells what is wrong.
_REASON_PATTERNS = {
    "decoder_failed": r"insufficient memory|out of memory|cannot allocate|allocation failed|memory allocation",
    "too_much_memory": r"decompression bomb",
    "truncated": r"truncated|premature end of jpeg file|premature end of input|end of file|not enough data|"
    r"buffer is not large enough|end of data|eof|file size is smaller|trying to read past",
    "unsupported_image": r"unsupported jpeg process|unsupported jpeg data precision|cannot handle|unknown pixel mode|"
    r"unsupported bmp|not supported|unsupported feature|unknown compression|unsupported colou?r|conversion from",
}


class ImageError(RowError):
    """The bytes are no image that can be stored."""


def as_image_error(error: Exception, data: bytes) -> ImageError:
    """What a decoder raised for a file, as an error that names the reason."""
    detail = str(error) or type(error).__name__
    if data[:4] == b"RIFF" and len(data) < 8 + int.from_bytes(data[4:8], "little"):
        # Pillow does not say what is wrong with a WebP file.
        return ImageError("truncated", f"{len(data):,} of {8 + int.from_bytes(data[4:8], 'little'):,} bytes")
    for reason, pattern in _REASON_PATTERNS.items():
        if re.search(pattern, detail, re.IGNORECASE):
            return ImageError(reason, detail)
    return ImageError("corrupt", detail)
