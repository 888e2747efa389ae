"""What the documents tell to type."""

import re
import shlex
from collections.abc import Iterable, Iterator
from pathlib import Path

from console_blocks import Console, steps

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted(
    path
    for pattern in ("*.md", "docs/**/*.md", "libs/*/README.md", "services/*/README.md", "proto-schemas/*.md")
    for path in ROOT.glob(pattern)
)
INDEX = (ROOT / "docs" / "README.md").read_text(encoding="utf-8")
GUIDES = [
    ROOT / "docs" / page for page in re.findall(r"\]\(((?:tutorial|how-to|operations)/[^)#]+\.md)\)", INDEX)
]
"""Pages that lead somebody through something, in the order of the index: each goes on where the one before it ended."""

_FENCE = re.compile(r"^( *)```.*?^\1```$", re.MULTILINE | re.DOTALL)
_INDENTED = re.compile(r"(?<=\n\n)((?:    .*\n)+)")
_CODE = re.compile(r"`([^`]+)`")
_SHELL = re.compile(r"^( *)```(?:sh|shell|bash)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
_OURS = re.compile(r"cambus(?:ctl|-[a-z0-9-]+) |make |nats ")


def typed_lines(document: Path) -> list[str]:
    """The commands in the blocks of a document, without their comments; one may go on over lines."""
    return _indented(document) + _fenced(document)


def block_lines(document: Path) -> list[str]:
    """The same without what is only indented and calls nothing of ours: trees of files, messages."""
    return [line for line in _indented(document) if _OURS.match(line)] + _fenced(document)


def _indented(document: Path) -> list[str]:
    return list(_lines(_INDENTED.findall(_FENCE.sub("", document.read_text(encoding="utf-8")))))


def _fenced(document: Path) -> list[str]:
    shell = _lines(body for _, body in _SHELL.findall(document.read_text(encoding="utf-8")))
    return [*shell, *console_lines(document)]


def console_lines(document: Path) -> list[str]:
    """The commands in the consoles of a document."""
    consoles = (step for step in steps(document) if isinstance(step, Console))
    return [command.line for console in consoles for command in console.commands]


def _lines(blocks: Iterable[str]) -> Iterator[str]:
    unfinished = ""
    for line in (line.strip() for block in blocks for line in block.splitlines()):
        whole = f"{unfinished} {line}".strip()
        unfinished = whole.removesuffix("\\").rstrip() if _unfinished(whole) else ""
        if whole and not unfinished:
            yield whole.partition("  #")[0].rstrip()


def _unfinished(line: str) -> bool:
    quoted = line.startswith("cambusctl ") and line.count("'") % 2 == 1
    return quoted or line.endswith("\\")


def mentioned(document: Path, program: str) -> list[list[str]]:
    """The words of every call of a program in a document, in blocks and in the running text."""
    text = document.read_text(encoding="utf-8")
    found = typed_lines(document) + _CODE.findall(_FENCE.sub("", text))
    return [
        shlex.split(" ".join(each.split()), comments=True)[1:]
        for each in found
        if each.split()[:1] == [program]
    ]
