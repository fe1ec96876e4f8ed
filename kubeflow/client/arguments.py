"""How the command line reads arguments that are not plain text. Each ``diptych --help`` imports it: keep it light."""

from __future__ import annotations

import argparse
import re
from urllib.parse import urlsplit

# Fields of a line in a crontab: minute, hour, day of the month, month, day of the week.
_CRONTAB_FIELDS = 5


def http_url(text: str) -> str:
    """Reads the value of ``--host``: an http:// or https:// URL, returned without a slash at its end.

    Raises:
        argparse.ArgumentTypeError: it is no such URL, or it holds a password, a query or a fragment.
    """
    try:
        parts = urlsplit(text)
        valid = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        valid = False
    if not valid or re.search(r"\s", text):
        raise argparse.ArgumentTypeError("it must be an http:// or https:// URL, for example http://localhost:8080")
    if "@" in parts.netloc:
        raise argparse.ArgumentTypeError("leave user and password out of it; --existing-token-file holds a secret")
    if parts.query or parts.fragment:
        raise argparse.ArgumentTypeError("leave out what follows '?' or '#'")
    return text.rstrip("/")


def store_uri(text: str) -> str:
    """Reads the value of ``--pipeline-root``: a URI in an object store, returned without a slash at its end.

    Raises:
        argparse.ArgumentTypeError: its scheme is that of no store, or it names no bucket.
    """
    from diptych.pipeline.options.kubeflow import check_store_uri

    try:
        return check_store_uri(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"it {error}") from None


def cron_expression(text: str) -> str:
    """Reads the value of ``--recurring``. Whether it is a valid schedule is left to the server to say.

    KFP's API server parses schedules with github.com/robfig/cron 1.2. There the first field is the second, and the last
    one, the day of the week, may be missing: the five fields of a crontab would silently be taken for others. They get
    the second 0 in front.

    Raises:
        argparse.ArgumentTypeError: it is empty.
    """
    fields = text.split()
    if not fields:
        raise argparse.ArgumentTypeError("it must be a schedule as in cron, for example '0 3 * * *'")
    return " ".join(["0", *fields] if len(fields) == _CRONTAB_FIELDS else fields)
