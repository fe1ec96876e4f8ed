"""Which split a record goes to: decided by hash, the same for records that must not be parted."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping

from components.example_gen.options import DataOptions
from models.features import SPLITS


def pixel_key(sha256: str) -> str:
    """The split key of a record without a group."""
    return f"pixels:{sha256}"


def split_key(group: str | None, sha256: str) -> str:
    """What the split is decided by: the row's group, else its pixels."""
    return f"group:{group}" if group else pixel_key(sha256)


def join_keys(links: Iterable[Iterable[str]]) -> dict[str, str]:
    """Joins split keys that share pixels, so that a duplicate never straddles a split.

    Args:
        links: sets of keys found on one image.

    Returns:
        Each linked key to the least key of all it is linked with, directly or through others (union-find).
    """
    parent: dict[str, str] = {}

    def find(key: str) -> str:
        parent.setdefault(key, key)
        while parent[key] != key:
            parent[key] = parent[parent[key]]
            key = parent[key]
        return key

    for link in links:
        roots = {find(key) for key in link}
        least = min(roots)
        for root in roots:
            parent[root] = least
    return {key: find(key) for key in parent}


def choose_split(key: str, roots: Mapping[str, str], data: DataOptions) -> str:
    """``train``, ``val`` or ``test``, by the SHA-256 of seed and key against the cumulated shares."""
    digest = hashlib.sha256(f"{data.seed}:{roots.get(key, key)}".encode()).digest()
    position = int.from_bytes(digest[:8], "big") / 2**64
    bound = 0.0
    for split in SPLITS[:-1]:
        bound += getattr(data.splits, split)
        if position < bound:
            return split
    return SPLITS[-1]
