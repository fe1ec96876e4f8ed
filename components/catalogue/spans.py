"""Spans and versions of a catalogue, as TFX means them: the greatest span, then the greatest version of it.

The rules of ``tfx/components/example_gen/utils.py`` without importing it, which takes tens of seconds, and on every
store that Diptych reads: TFX's own know local files and ``gs://`` only. Three cases differ. Of a name that goes on
behind its last place, as ``123`` for ``{SPAN:2}``, TFX takes the first characters and then misses the file ``12``; a
span that the pattern has no place for is ignored by it: both are errors here. And hidden files, which it takes, are
left alone.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from diptych.components.catalogue.remote import is_web
from diptych.components.catalogue.storage import is_remote, list_files
from diptych.models.errors import DiptychError

_PLACE = re.compile(r"\{(?P<name>SPAN|VERSION)(?::(?P<width>.*?))?\}|\{(?P<part>YYYY|MM|DD)\}")
_DATE = {"YYYY": 4, "MM": 2, "DD": 2}
_EPOCH = date(1970, 1, 1)
# Stand for the places while a pattern is translated; of Unicode's private use, which no translation touches.
_MARKS = {"SPAN": "\ue000", "VERSION": "\ue001", "YYYY": "\ue002", "MM": "\ue003", "DD": "\ue004"}


class SpanError(DiptychError):
    """The catalogue's pattern makes no sense, or nothing lies at it; the message names the remedy."""


@dataclass(frozen=True)
class ResolvedSpan:
    """A catalogue of one span.

    Attributes:
        catalogue: the pattern with numbers in its places; other patterns, as ``*``, remain.
        span: the number; of a date, the days since 1970-01-01; 0 without any.
        version: None where the pattern has no place for it.
    """

    catalogue: str
    span: int
    version: int | None


def name_below(uri: str, catalogue: str) -> str:
    """The path of a file from the catalogue's folder on: it stays when the catalogue is moved as a whole."""
    folder = static_folder(catalogue)
    if not is_remote(uri):
        uri, folder = os.path.abspath(uri), os.path.abspath(folder)
    return uri.removeprefix(folder).strip("/")


def resolve_span(pattern: str, span: int | None = None) -> ResolvedSpan:
    """Puts numbers in the places ``{SPAN}`` or ``{YYYY}``, ``{MM}``, ``{DD}``, and ``{VERSION}`` of a pattern.

    ``{SPAN:3}`` has three characters: ``007``. Zeros in front are part of the name, not of the number.

    Args:
        span: the number; None for the greatest there is.

    Raises:
        SpanError: the places do not go together, nothing lies at the pattern, or what lies there bears no number.
        FetchError: the store does not answer.
        PermissionError: the store does not let itself be listed.
    """
    widths = _widths(pattern)
    if "SPAN" not in widths and "YYYY" not in widths:
        if span is not None:
            raise _error(f"span {span} is asked for, but '{pattern}' has no {{SPAN}}; add it, or ask for none")
        return ResolvedSpan(pattern, 0, None)
    given = {} if span is None else _texts(span, widths)
    searched = _fill(pattern, {**dict.fromkeys(_MARKS, "*"), **given})
    name = _name_pattern(pattern, widths, given)
    found = [_read(path, name, given) for path in list_files(searched)]
    if not found:
        raise _error(f"no file matches '{searched}', which '{pattern}' means; put one there, or mend the pattern")
    resolved, version, texts = max(found, key=lambda one: one[:2])
    return ResolvedSpan(_fill(pattern, texts), resolved, version if "VERSION" in widths else None)


def static_folder(pattern: str) -> str:
    """The folder in front of the first pattern character or place, as the pattern spells it; may be empty."""
    stop = re.search(r"[*[]" if is_web(pattern) else r"[*?[]", pattern)
    places = [match.start() for match in (stop, _PLACE.search(pattern)) if match]
    folder, slash, _ = pattern[: min(places, default=len(pattern))].rpartition("/")
    # What is left of "/*" and of "gs://*" is no folder without its slash.
    return folder + slash if folder in ("", "/") or folder.endswith(":/") else folder


def _error(message: str) -> SpanError:
    return SpanError(f"data.catalogue: {message}")


def _widths(pattern: str) -> dict[str, int | None]:
    """Places of a pattern, checked, and how many characters each has where that is said."""
    widths: dict[str, int | None] = {}
    for match in _PLACE.finditer(pattern):
        name = match["name"] or match["part"]
        if name in widths:
            raise _error(f"'{pattern}' has {{{name}}} twice; name it once")
        widths[name] = _DATE[name] if name in _DATE else _width(match)
    parts = [name for name in _DATE if name in widths]
    if parts and "SPAN" in widths:
        raise _error(f"'{pattern}' has {{SPAN}} and {{{parts[0]}}}; keep the number or the date")
    if 0 < len(parts) < len(_DATE):
        raise _error(
            f"'{pattern}' has {{{parts[0]}}}, but a date is all of {{YYYY}}, {{MM}} and {{DD}}; add the others"
        )
    if "VERSION" in widths and not parts and "SPAN" not in widths:
        raise _error(f"'{pattern}' has {{VERSION}}, but nothing that it is a version of; add {{SPAN}} or a date")
    return widths


def _width(match: re.Match[str]) -> int | None:
    if not match["width"]:
        return None
    if not match["width"].isdecimal() or int(match["width"]) == 0:
        raise _error(f"the width in '{match[0]}' must be a whole number above 0, as in {{{match['name']}:3}}")
    return int(match["width"])


def _texts(span: int, widths: Mapping[str, int | None]) -> dict[str, str]:
    """What stands in the places for a given span."""
    if "SPAN" not in widths:
        try:
            day = _EPOCH + timedelta(days=span)
        except OverflowError:
            raise _error(f"span {span} is asked for, but no date is as many days after {_EPOCH}") from None
        return {"YYYY": f"{day.year:04}", "MM": f"{day.month:02}", "DD": f"{day.day:02}"}
    width = widths["SPAN"] or 0
    if width and len(str(span)) > width:
        raise _error(f"span {span} is asked for, but {{SPAN:{width}}} has room for {width} digits; widen it")
    return {"SPAN": str(span).zfill(width)}


def _fill(pattern: str, texts: Mapping[str, str]) -> str:
    return _PLACE.sub(lambda match: texts[match["name"] or match["part"]], pattern)


def _name_pattern(pattern: str, widths: Mapping[str, int | None], given: Mapping[str, str]) -> re.Pattern[str]:
    """Matches the names that match the pattern, with a group for each place that is not given."""
    from fsspec.utils import glob_translate

    whole = pattern if is_remote(pattern) else os.path.abspath(pattern)
    regex = str(glob_translate(_fill(whole, {**_MARKS, **given})))
    for name, width in widths.items():
        regex = regex.replace(_MARKS[name], f"(?P<{name}>[^/]{f'{{{width}}}' if width else '*'})")
    return re.compile(regex)


def _read(path: str, name: re.Pattern[str], given: Mapping[str, str]) -> tuple[int, int, dict[str, str]]:
    """Span and version of a file, and the texts that say so."""
    match = name.fullmatch(path)
    if match is None:
        raise _error(f"'{path}' has not as many characters in its places as the pattern says; move it away")
    texts = {**match.groupdict(), **given}
    version = _number(texts, "VERSION", path) if "VERSION" in texts else 0
    if "SPAN" in texts:
        return _number(texts, "SPAN", path), version, texts
    year, month, day = (_number(texts, part, path) for part in _DATE)
    try:
        return (date(year, month, day) - _EPOCH).days, version, texts
    except ValueError as error:
        raise _error(f"'{path}' bears a date that there is not: {error}; rename it, or move it away") from None


def _number(texts: Mapping[str, str], name: str, path: str) -> int:
    try:
        return int(texts[name])
    except ValueError:
        raise _error(
            f"'{path}' has '{texts[name]}' in the place of {{{name}}}, which is no number; rename it, or move it away"
        ) from None
