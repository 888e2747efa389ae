"""What the documents tell to type."""

import re
import shlex
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

_FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
_INDENTED = re.compile(r"(?<=\n\n)((?:    .*\n)+)")
_CODE = re.compile(r"`([^`]+)`")
_SHELL = re.compile(r"^```(?:sh|shell|bash)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def typed_lines(document: Path) -> list[str]:
    """The commands in the blocks of a document, without their comments; one may go on over lines."""
    text = document.read_text(encoding="utf-8")
    blocks = _INDENTED.findall(_FENCE.sub("", text)) + _SHELL.findall(text)
    lines: list[str] = []
    for line in (line.strip() for block in blocks for line in block.splitlines()):
        if lines and _unfinished(lines[-1]):
            lines[-1] = lines[-1].removesuffix("\\") + " " + line
        elif line:
            lines.append(line.partition("  #")[0].rstrip())
    consoles = (step for step in steps(document) if isinstance(step, Console))
    return lines + [command.line for console in consoles for command in console.commands]


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
