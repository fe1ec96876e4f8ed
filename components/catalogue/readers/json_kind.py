"""Tells COCO's document, lines of objects and other documents apart, which all have the ending ``.json``."""

from __future__ import annotations

import re

from diptych.components.catalogue.readers.jsonlines import parse_object

_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\]:]')


def kind_of_json(head: str, is_whole: bool) -> str:
    """The kind of a file: coco, jsonl or json.

    Args:
        head: its first characters.
        is_whole: whether they are all.
    """
    head = head.lstrip()
    lines = [line for line in head.split("\n", 2)[:2] if line.strip()]
    if len(lines) == 2 and all(line.startswith("{") for line in lines) and not parse_object(lines[0])[1]:
        return "jsonl"
    lists = {key for key, sign in _members(head).items() if sign == "["}
    has_all = {"images", "annotations"} <= lists
    return "coco" if has_all or (not is_whole and lists & {"images", "annotations"}) else "json"


def _members(head: str) -> dict[str, str]:
    """The keys of the outermost object, as far as the text goes, with the first characters of their values."""
    members: dict[str, str] = {}
    depth, key, text = 0, None, ""
    for token in _TOKEN.findall(head):
        if depth == 1 and key is not None:
            members[key], key = token[0], None
        if token == ":":
            key = text if depth == 1 else None
        elif token in "{[":
            depth += 1
        elif token in "}]":
            depth -= 1
        else:
            text = token[1:-1]
    return members
