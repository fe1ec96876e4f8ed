"""The options of ``diptych submit``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class SubmitOptions:
    """The options of ``diptych submit``. Each field bears the name of its option."""

    host: str | None = None
    namespace: str | None = None
    experiment: str | None = None
    run_name: str | None = None
    params: Sequence[tuple[str, str]] = ()
    pipeline_root: str | None = None
    no_cache: bool = False
    wait: bool = False
    recurring: str | None = None
    target: str = "kfp"
    existing_token_file: str | None = None
    cookies_file: str | None = None
