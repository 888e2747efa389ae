"""Markdown as the pages are written in: cells, tables, code."""

import json
import re
from collections.abc import Iterable, Sequence
from typing import Any, Final

_CODE: Final = re.compile(r"(`[^`]*`)")
_SPECIAL: Final = {"<": "&lt;", ">": "&gt;", "|": "&#124;", "*": "&#42;", "{": "&#123;"}


def prose(text: str) -> str:
    """Text as it stands in the code, one paragraph, in which only backticks mean anything."""
    parts = _CODE.split(" ".join(text.split()))
    return "".join(part if part.startswith("`") else _escaped(part) for part in parts)


def _escaped(text: str) -> str:
    return "".join(_SPECIAL.get(character, character) for character in text)


def code(value: object) -> str:
    """A value in code type."""
    return f"`{value}`"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table whose cells are Markdown already; empty without rows."""
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    if not lines:
        return ""
    return "\n".join(["| " + " | ".join(head) + " |", "|" + "---|" * len(head), *lines]) + "\n"


def json_block(value: Any) -> str:
    """A block of JSON, short where that fits a line."""
    short = json.dumps(value, ensure_ascii=False)
    text = short if len(short) <= 90 else json.dumps(value, ensure_ascii=False, indent=2)
    return f"```json\n{text}\n```\n"


def document(*parts: str) -> str:
    """Parts of a page, with an empty line between each; empty ones are left out."""
    return "\n\n".join(part.strip("\n") for part in parts if part.strip()) + "\n"


GENERATED: Final = "*This page is made of the code each time the site is built.*"
