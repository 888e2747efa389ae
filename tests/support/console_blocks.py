"""What a page of the documentation tells to type, what it says comes of it, and the files it has people write.

A block of the language `console` has commands, each behind `$ `, and below each what it prints: fragments of lines,
in their order, in which `…` stands for anything. `^C` ends a command that goes on. A command that cannot be run where
tests are says so in the title of its block, which readers see: `title="not tested: wants a camera"`. Any other block
with a title is a file of that name.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

NOT_TESTED: Final = "not tested: "
INTERRUPT: Final = "^C"
_BLOCK: Final = re.compile(
    r'^(?P<indent> *)```(?P<language>[\w-]+)(?: +title="(?P<title>[^"]*)")?[^\n]*\n(?P<body>.*?)^(?P=indent)```$',
    re.MULTILINE | re.DOTALL,
)


@dataclass(frozen=True)
class Typed:
    """One command and what it is to print; `goes_on` until it is interrupted."""

    line: str
    expected: tuple[str, ...] = ()
    goes_on: bool = False


@dataclass(frozen=True)
class Console:
    """A block of commands; `untested` says why nobody runs it, and is empty where somebody does."""

    commands: tuple[Typed, ...]
    untested: str = ""


@dataclass(frozen=True)
class Written:
    """A file that readers write."""

    name: str
    text: str = field(repr=False)


def steps(page: Path) -> Iterator[Console | Written]:
    """What a page has its readers do, from its top to its end."""
    for block in _BLOCK.finditer(page.read_text(encoding="utf-8")):
        width = len(block["indent"])
        body = "".join(line[width:] for line in block["body"].splitlines(keepends=True))
        title = block["title"] or ""
        if block["language"] == "console":
            untested = title.removeprefix(NOT_TESTED) if title.startswith(NOT_TESTED) else ""
            yield Console(tuple(_commands(body)), untested)
        elif title:
            yield Written(title, body)


def _commands(body: str) -> Iterator[Typed]:
    lines = body.splitlines()
    while lines:
        line = lines.pop(0)
        assert line.startswith("$ "), f"a block begins with what it prints: {line}"
        line = line.removeprefix("$ ")
        while lines and _unfinished(line):
            line = line.removesuffix("\\") + lines.pop(0).strip()
        printed = []
        while lines and not lines[0].startswith("$ "):
            printed.append(lines.pop(0))
        yield Typed(
            line.partition("  #")[0].rstrip(),
            tuple(each for each in printed if each.strip() and each != INTERRUPT),
            INTERRUPT in printed,
        )


def _unfinished(line: str) -> bool:
    return line.endswith("\\") or line.count("'") % 2 == 1


def missing(expected: tuple[str, ...], printed: str) -> str:
    """The first line of what is expected that is not there, in its place; empty if all of it is."""
    rest = _squeezed(printed)
    for line in expected:
        pattern = ".*?".join(re.escape(part) for part in re.split(" *… *", _squeezed(line)))
        found = re.search(pattern, rest)
        if found is None:
            return line
        rest = rest[found.end() :]
    return ""


def _squeezed(text: str) -> str:
    """Runs of blanks are one: columns are as wide as what is in them."""
    return re.sub(r"[ \t]+", " ", text)
