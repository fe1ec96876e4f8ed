"""Spans and versions of a catalogue, as TFX defines them: the greatest span, then the greatest version of it.

The rules are those of ``tfx/components/example_gen/utils.py``. That module is not used, because importing it takes tens
of seconds and it knows local files and ``gs://`` only. Three cases differ. For a name that goes on after its last
placeholder, as ``123`` for ``{SPAN:2}``, TFX takes the first characters and then misses the file ``12``; a span that
the pattern has no placeholder for is ignored by TFX: both are errors here. Hidden files, which TFX takes, are ignored.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from diptych.components.catalogue.remote import is_web
from diptych.components.catalogue.storage import is_remote, list_files
from diptych.models.counts import pluralize
from diptych.models.errors import DiptychError

_PLACEHOLDER = re.compile(r"\{(?P<name>SPAN|VERSION)(?::(?P<width>.*?))?\}|\{(?P<part>YYYY|MM|DD)\}")
_DATE_WIDTHS = {"YYYY": 4, "MM": 2, "DD": 2}
_EPOCH = date(1970, 1, 1)
# Stand for the placeholders while a pattern is translated. No translation changes Unicode's private characters.
_MARKS = {"SPAN": "\ue000", "VERSION": "\ue001", "YYYY": "\ue002", "MM": "\ue003", "DD": "\ue004"}


class SpanError(DiptychError):
    """The placeholders of ``data.catalogue`` are wrong, or no file matches them; the message names the remedy."""


@dataclass(frozen=True)
class ResolvedSpan:
    """A span and version of a catalogue.

    Attributes:
        catalogue: the pattern with numbers in place of its placeholders; wildcards, as ``*``, remain.
        span: the number; for a date, the days since 1970-01-01; 0 if the pattern has no placeholder.
        version: the number; None if the pattern has no ``{VERSION}``.
    """

    catalogue: str
    span: int
    version: int | None


def path_in_catalogue(uri: str, catalogue: str) -> str:
    """The path of a file from the catalogue's folder on: the same wherever the catalogue lies."""
    folder = static_folder(catalogue)
    if not is_remote(uri):
        uri, folder = os.path.abspath(uri), os.path.abspath(folder)
    return uri.removeprefix(folder).strip("/")


def resolve_span(pattern: str, span: int | None = None) -> ResolvedSpan:
    """Replaces the placeholders of a pattern: ``{SPAN}`` or ``{YYYY}``, ``{MM}``, ``{DD}``, and ``{VERSION}``.

    ``{SPAN:3}`` has three characters: ``007``. Leading zeros belong to the name, not to the number.

    Args:
        pattern: as ``data.catalogue``; one without placeholders is returned as it is.
        span: the number of the span; None for the greatest there is.

    Raises:
        SpanError: the placeholders contradict each other, no file matches, or a file has no number in their place.
        FetchError: the store does not answer.
        PermissionError: the store may not be listed.
    """
    widths = _widths(pattern)
    if "SPAN" not in widths and "YYYY" not in widths:
        if span is not None:
            raise _error(f"span {span} is asked for, but '{pattern}' has no {{SPAN}}; add it, or ask for none")
        return ResolvedSpan(pattern, 0, None)
    given = {} if span is None else _texts(span, widths)
    searched = _fill(pattern, {**dict.fromkeys(_MARKS, "*"), **given})
    name = _name_pattern(pattern, widths, given)
    found = [_parse_name(path, name, given) for path in list_files(searched)]
    if not found:
        raise _error(f"no file matches '{searched}', which '{pattern}' means; put one there, or mend the pattern")
    resolved, version, texts = max(found, key=lambda one: one[:2])
    return ResolvedSpan(_fill(pattern, texts), resolved, version if "VERSION" in widths else None)


def static_folder(pattern: str) -> str:
    """The folder before the first wildcard or placeholder, as the pattern spells it; may be empty."""
    starts = [match.start() for match in (_find_wildcard(pattern), _PLACEHOLDER.search(pattern)) if match]
    folder, slash, _ = pattern[: min(starts, default=len(pattern))].rpartition("/")
    # Without its slash, what remains of "/*" and of "gs://*" would be no folder.
    return folder + slash if folder in ("", "/") or folder.endswith(":/") else folder


def has_pattern(uri: str) -> bool:
    """Whether ``data.catalogue`` has wildcards, and so is a pattern of files."""
    return _find_wildcard(uri) is not None


def _find_wildcard(uri: str) -> re.Match[str] | None:
    found = re.search(r"[*[]" if is_web(uri) else r"[*?[]", uri)
    # A file that exists is no pattern, though its path may look like one.
    return None if found and not is_remote(uri) and os.path.exists(uri) else found


def _error(message: str) -> SpanError:
    return SpanError(f"data.catalogue: {message}")


def _widths(pattern: str) -> dict[str, int | None]:
    """The placeholders of a pattern, checked, each with its number of characters, or None if it has no width."""
    widths: dict[str, int | None] = {}
    for match in _PLACEHOLDER.finditer(pattern):
        name = match["name"] or match["part"]
        if name in widths:
            raise _error(f"'{pattern}' has {{{name}}} twice; name it once")
        widths[name] = _DATE_WIDTHS[name] if name in _DATE_WIDTHS else _width(match)
    parts = [name for name in _DATE_WIDTHS if name in widths]
    if parts and "SPAN" in widths:
        raise _error(f"'{pattern}' has {{SPAN}} and {{{parts[0]}}}; keep the number or the date")
    if 0 < len(parts) < len(_DATE_WIDTHS):
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
    """The texts that replace the placeholders for a given span."""
    if "SPAN" not in widths:
        try:
            day = _EPOCH + timedelta(days=span)
        except OverflowError:
            raise _error(f"span {span} is asked for, but no date is as many days after {_EPOCH}") from None
        return {"YYYY": f"{day.year:04}", "MM": f"{day.month:02}", "DD": f"{day.day:02}"}
    width = widths["SPAN"] or 0
    if width and len(str(span)) > width:
        raise _error(
            f"span {span} is asked for, but {{SPAN:{width}}} has room for {pluralize(width, 'digit')}; widen it"
        )
    return {"SPAN": str(span).zfill(width)}


def _fill(pattern: str, texts: Mapping[str, str]) -> str:
    return _PLACEHOLDER.sub(lambda match: texts[match["name"] or match["part"]], pattern)


def _name_pattern(pattern: str, widths: Mapping[str, int | None], given: Mapping[str, str]) -> re.Pattern[str]:
    """A regular expression for the names that match the pattern, with a group for each placeholder without a text."""
    from fsspec.utils import glob_translate

    whole = pattern if is_remote(pattern) else os.path.abspath(pattern)
    regex = str(glob_translate(_fill(whole, {**_MARKS, **given})))
    for name, width in widths.items():
        regex = regex.replace(_MARKS[name], f"(?P<{name}>[^/]{f'{{{width}}}' if width else '*'})")
    return re.compile(regex)


def _parse_name(path: str, name: re.Pattern[str], given: Mapping[str, str]) -> tuple[int, int, dict[str, str]]:
    """The span and version of a file, and the texts in its name that stand for them."""
    match = name.fullmatch(path)
    if match is None:
        raise _error(f"'{path}' has not as many characters in its places as the pattern says; move it away")
    texts = {**match.groupdict(), **given}
    version = _number(texts, "VERSION", path) if "VERSION" in texts else 0
    if "SPAN" in texts:
        return _number(texts, "SPAN", path), version, texts
    year, month, day = (_number(texts, part, path) for part in _DATE_WIDTHS)
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
