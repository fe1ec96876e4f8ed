"""Credentials in URLs: masked where a URL is shown or stored, and refused in settings, which are stored with each run.

Known are user and password before the host, signed URLs of Amazon, Google and Azure, and the usual names of tokens. The
rest of a URL stays: it says which file is meant.
"""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import unquote

from diptych.models.errors import OptionsError

MASK = "***"

# The second form is of passwords that should have been quoted, with '/', '?' or '#' in them; digits alone are a port.
_USER = re.compile(
    r"""(?P<scheme>\b[a-z][a-z0-9+.-]{0,30}://)
    (?: [^\s/?#'"<>]{1,2000} | [^\s/?#'"<>:@]{1,200} : (?!\d+(?:[/?#]|$)) [^\s'"<>@]{0,200} ) @""",
    re.IGNORECASE | re.VERBOSE,
)
# Azure writes a container where others write a user.
_CONTAINER = re.compile(r"(abfss?|wasbs?)://[^\s/?#:'\"<>@]+@", re.IGNORECASE)
_QUERY = re.compile(r"(?<=[?#])[^\s'\"<>?#]*=[^\s'\"<>?#]*")
_SECRET = re.compile(
    r"x-(amz|goog)-.*"
    r"|.*(token|secret|signature|password|passwd|credentials?|api[_-]?key|access[_-]?key([_-]?id)?|accessid)"
    r"|auth|authorization|hmac|jwt|sig|pwd|key-pair-id",
    re.IGNORECASE,
)
# What stands beside a signature and changes with it: of CloudFront and S3's version 2, and of Azure's SAS.
_SIGNED = re.compile("expires|policy|s(e|ip|ke|koid|ks|kt|ktid|kv|p|pr|r|rt|s|t|v)", re.IGNORECASE)


def mask_credentials(text: str) -> str:
    """A text in which the credentials of every URL, also of a relative one with a query, are ``***``.

    URLs of one file that were signed at different times become equal.
    """
    if "://" in text:
        text = _USER.sub(_mask_user, text)
    return _QUERY.sub(_mask_query, text) if "=" in text else text


def mask_values(value: Any) -> Any:
    """A copy of a value of JSON in whose texts, at any depth, credentials are masked."""
    if isinstance(value, str):
        return mask_credentials(value)
    if isinstance(value, dict):
        return {name: mask_values(each) for name, each in value.items()}
    return [mask_values(each) for each in value] if isinstance(value, list) else value


def refuse_credentials(uri: str) -> str:
    """Gives a URI back that holds no credentials.

    Raises:
        OptionsError: it holds some; the message has the URI without them.
    """
    masked = mask_credentials(uri)
    if "://" in uri and masked != uri:
        raise OptionsError(
            f"'{masked}' holds credentials, which would be stored with each run: leave them out, and keep them in "
            "~/.netrc, in fsspec's configuration or in the variables of the store, which Diptych reads"
        )
    return uri


def _mask_user(match: re.Match[str]) -> str:
    return match[0] if _CONTAINER.fullmatch(match[0]) else f"{match['scheme']}{MASK}@"


def _mask_query(match: re.Match[str]) -> str:
    parts = re.split("([&;])", match[0])
    names = [unquote(part.partition("=")[0]) for part in parts]
    secret = [bool(_SECRET.fullmatch(name)) for name in names]
    if not any(secret):
        return match[0]
    masked = (
        f"{part.partition('=')[0]}={MASK}" if is_secret or _SIGNED.fullmatch(name) else part
        for part, name, is_secret in zip(parts, names, secret, strict=True)
    )
    return "".join(masked)
