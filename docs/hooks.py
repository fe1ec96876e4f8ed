"""What MkDocs makes from the code and from the repository's root when it builds the site; none of it is committed."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import yaml
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page
from pydantic import BaseModel
from pydantic.fields import FieldInfo

ROOT = Path(__file__).parents[1]
#: Pages that stand where a visitor of the repository looks for them, and their names in the site.
ROOT_PAGES = {"README.md": "index.md", "CHANGELOG.md": "changelog.md", "CONTRIBUTING.md": "contributing.md"}
TYPES = {str: "text", int: "whole number", float: "number", bool: "`true` or `false`", Any: "any value"}
BOUNDS = {"ge": "at least {}", "gt": "above {}", "le": "at most {}", "lt": "below {}"}
#: The rule above and below an RST table, which some docstrings hold.
RST_RULE = "===="


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Adds the pages of the repository's root."""
    for source, target in ROOT_PAGES.items():
        files.append(File.generated(config, target, content=root_page((ROOT / source).read_text(encoding="utf-8"))))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Puts the generated parts where their marks stand, for example ``<!-- settings -->``."""
    parts = {"settings": settings_reference, "commands": command_reference, "reasons": reasons_table}
    return re.sub(r"^<!-- (\w+) -->$", lambda mark: parts[mark[1]](), markdown, flags=re.MULTILINE)


def root_page(text: str) -> str:
    """A page of the root as it is in the site, which has no code: links to code become plain text."""

    def relink(link: re.Match[str]) -> str:
        label, path, anchor = link.groups()
        if "://" in path or not path:
            return link[0]
        target = ROOT_PAGES.get(path, path.removeprefix("docs/"))
        return label if target == path else f"[{label}]({target}{anchor})"

    return re.sub(r"\[([^\]]*)\]\(([^)#]*)([^)]*)\)", relink, text)


def reasons_table() -> str:
    """Every reason for which a row is rejected, with what to do about it."""
    from diptych.components.catalogue.reasons import REASONS

    return table(["reason", "what to do"], ([f"`{reason}`", escape(remedy)] for reason, remedy in REASONS.items()))


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A Markdown table."""
    head = list(head)
    lines = [head, ["---"] * len(head), *([cell.replace("|", "\\|") for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def escape(text: str) -> str:
    """Plain text or a docstring as Markdown: ``code`` stays code, and nothing else is markup."""
    parts = re.split(r"``([^`]+)``", text)
    for number in range(0, len(parts), 2):
        parts[number] = re.sub(r"([*_<\[\\])", r"\\\1", parts[number])
    return "".join(f"`{part}`" if number % 2 else part for number, part in enumerate(parts))


# ---- settings


def settings_reference() -> str:
    """A heading for each group of settings and a table of its keys."""
    from diptych.pipeline.settings import Settings

    return "\n\n".join(_group("", Settings))


def settings_keys() -> list[str]:
    """The dotted name of every key, such as ``train.epochs``; ``*`` stands for a name that the user chooses."""
    from diptych.pipeline.settings import Settings

    return [key for key, _ in fields("", Settings)]


def fields(prefix: str, model: type[BaseModel]) -> Iterator[tuple[str, FieldInfo]]:
    """Every key of a model and of the models in it, with its field."""
    for name, field in model.model_fields.items():
        yield f"{prefix}{name}", field
        for key, options in _nested(f"{prefix}{name}", field.annotation):
            yield from fields(f"{key}.", options)


def _group(prefix: str, model: type[BaseModel]) -> Iterator[str]:
    """Heading, description and table of a model, then of each model in it."""
    key = prefix.rstrip(".")
    yield f"{'#' * min(2 + key.count('.'), 4)} `{key}` {{ #{key} }}" if key else "## The file"
    if key:
        yield _docstring(model)
    rows = (_row(f"{prefix}{name}", name, field) for name, field in model.model_fields.items())
    yield table(["key", "value", "default", "description"], rows)
    for name, field in model.model_fields.items():
        for nested, options in _nested(f"{prefix}{name}", field.annotation):
            yield from _group(f"{nested}.", options)


def _row(key: str, name: str, field: FieldInfo) -> list[str]:
    nested = list(_nested(key, field.annotation))
    description = escape(field.description or "")
    if nested:
        (group, options), *_ = nested
        description = f"{description or _docstring(options).splitlines()[0]} See [`{group}`](#{group})."
    # The heading of a group has the anchor of its key.
    anchor = "" if nested and group == key else f'<span id="{key}"></span>'
    return [f"{anchor}`{name}`", _value(field), _default(field), description]


def _value(field: FieldInfo) -> str:
    extra = field.json_schema_extra
    if isinstance(extra, dict) and isinstance(extra.get("enum"), list):
        return " or ".join(f"`{value}`" for value in extra["enum"])
    bounds = [text for item in field.metadata for text in _bounds(item)]
    value, null, rest = _type(field.annotation).partition(" or `null`")
    return ", ".join([value, *bounds]) + null + rest


def _type(annotation: Any) -> str:
    """A type as someone who writes YAML says it."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if annotation is NoneType:
        return "`null`"
    if origin is Annotated:
        bounds = [text for item in annotation.__metadata__ for text in _bounds(item)]
        return ", ".join([_type(arguments[0]), *bounds])
    if origin is Literal:
        return " or ".join(f"`{_yaml(value)}`" for value in arguments)
    if origin in (Union, UnionType):
        return " or ".join(dict.fromkeys(_type(argument) for argument in arguments))
    if origin is tuple and Ellipsis not in arguments:
        return f"[{', '.join(_type(argument) for argument in arguments)}]"
    if origin in (list, tuple):
        return f"list of {_type(arguments[0])}"
    if origin is dict:
        return f"names, each with {_type(arguments[1])}"
    return "keys" if _is_options(annotation) else TYPES[annotation]


def _bounds(item: Any) -> Iterator[str]:
    for constraint in getattr(item, "metadata", [item]):
        for name, text in BOUNDS.items():
            if (bound := getattr(constraint, name, None)) is not None:
                yield text.format(f"{bound:,}")
        if getattr(constraint, "min_length", None) is not None:
            yield "not empty"
        if (most := getattr(constraint, "max_length", None)) is not None:
            yield f"at most {most}"
        if (pattern := getattr(constraint, "pattern", None)) is not None:
            yield f"like `{pattern}`"


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True)
    if isinstance(value, BaseModel):
        value = value.model_dump(mode="json", exclude_defaults=True)
        if not value:
            return ""
    if isinstance(value, (list, tuple)):
        value = [item.model_dump(exclude_defaults=True) if isinstance(item, BaseModel) else item for item in value]
    return f"`{_yaml(value)}`"


def _yaml(value: Any) -> str:
    """A value on one line, as it is written in the file."""
    text = yaml.safe_dump(value, default_flow_style=True, allow_unicode=True, width=10_000)
    return text.removesuffix("\n").removesuffix("\n...")


def _nested(key: str, annotation: Any) -> Iterator[tuple[str, type[BaseModel]]]:
    """The option models that a key may hold, each with the key above its own keys."""
    if _is_options(annotation):
        yield key, annotation
    elif get_origin(annotation) is not Literal:
        inner = f"{key}.*" if get_origin(annotation) in (dict, Mapping) else key
        for argument in get_args(annotation):
            yield from _nested(inner, argument)


def _is_options(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def _docstring(model: type[BaseModel]) -> str:
    lines = (model.__doc__ or "").strip().splitlines()
    paragraphs = "\n".join(line.strip() for line in lines).split("\n\n")
    return "\n\n".join(f"```text\n{each}\n```" if RST_RULE in each else escape(each) for each in paragraphs)


# ---- commands


def command_reference() -> str:
    """A heading for each command, its usage and a table of its arguments."""
    from diptych.pipeline.cli.command_line import build_parser

    parser = build_parser()
    parts = [escape(parser.epilog or "")]
    for name, text, command in subcommands(parser):
        parts += _command(name, text, command)
    return "\n\n".join(parts)


def subcommands(parser: argparse.ArgumentParser) -> list[tuple[str, str, argparse.ArgumentParser]]:
    """Name, help and parser of each command."""
    (action,) = (action for action in parser._actions if isinstance(action, argparse._SubParsersAction))
    return [(choice.dest, choice.help or "", action.choices[choice.dest]) for choice in action._choices_actions]


def _command(name: str, text: str, parser: argparse.ArgumentParser) -> Iterator[str]:
    yield f"## `diptych {name}` {{ #{name} }}"
    yield escape(parser.description or _sentence(text))
    usage = " ".join(parser.format_usage().removeprefix("usage: ").split())
    yield f"```text\n{usage}\n```"
    if rows := [_argument(parser, action) for action in parser._actions if action.dest != "help"]:
        yield table(["argument", "description"], rows)
    if parser.epilog:
        yield escape(parser.epilog)


def _argument(parser: argparse.ArgumentParser, action: argparse.Action) -> list[str]:
    choices = "{" + ",".join(map(str, action.choices)) + "}" if action.choices else None
    value = str(action.metavar or choices or action.dest.upper())
    options = ", ".join(action.option_strings)
    name = value if not options else options if action.nargs == 0 else f"{options} {value}"
    text = parser._get_formatter()._expand_help(action) if action.help else ""
    required = "Required. " if options and action.required else ""
    return [f"`{name}`", required + escape(_sentence(text))]


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:].rstrip(".") + "." if text else ""
