"""Where the documents lead: every relative link to a file that is there, and to a heading that it has.

    python tools/links.py --check

What is made when the site is built (most of `docs/reference/`) is left to `make docs`, which takes half a minute.
"""

import argparse
import re
import sys
import unicodedata
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent
PATTERNS: Final = ("*.md", "docs/**/*.md", "libs/*/*.md", "services/*/*.md", "proto-schemas/*.md", "k8s/*.md")
_FENCE: Final = re.compile(r"^( *)(```+|~~~+).*?^\1\2 *$", re.MULTILINE | re.DOTALL)
_CODE: Final = re.compile(r"`[^`\n]*`")
_LINK: Final = re.compile(r"\]\(<?([^)\s>]+)>?(?: \"[^\"]*\")?\)")
_HEADING: Final = re.compile(r"^#+ +(.+?)(?: +\{ *#([\w-]+) *\})? *#*$", re.MULTILINE)
_NAMED: Final = re.compile(r"<a (?:id|name)=\"([^\"]+)\"")
_ELSEWHERE: Final = re.compile(r"[a-z][a-z0-9+.-]*:")


def documents(root: Path = ROOT) -> list[Path]:
    """Every document of the repository."""
    return sorted(path for pattern in PATTERNS for path in root.glob(pattern))


def slug(heading: str) -> str:
    """The anchor of a heading, as mkdocs and forges make it."""
    text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).replace("`", "").replace("*", "")
    text = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return re.sub(r"[-\s]+", "-", re.sub(r"[^\w\s-]", "", text).strip().lower())


@cache
def anchors(document: Path) -> frozenset[str]:
    """What can be linked to in a document."""
    text = _FENCE.sub("", document.read_text(encoding="utf-8"))
    found: dict[str, int] = {}
    names = {*_NAMED.findall(text)}
    for heading, named in _HEADING.findall(text):
        name = named or slug(heading)
        count = found[name] = found.get(name, -1) + 1
        names |= {name} if not count else {f"{name}_{count}", f"{name}-{count}"}  # of mkdocs; of forges
    return frozenset(names)


def faults(documents: list[Path], root: Path = ROOT) -> Iterator[str]:
    """What leads nowhere, as `document: link: why`."""
    for document in documents:
        text = _CODE.sub("", _FENCE.sub("", document.read_text(encoding="utf-8")))
        for link in _LINK.findall(text):
            if _ELSEWHERE.match(link):
                continue
            target, _, anchor = link.partition("#")
            path = (document.parent / target).resolve() if target else document
            if not path.exists():
                yield f"{document.relative_to(root)}: {link}: there is no such file"
            elif anchor and path.suffix == ".md" and anchor not in anchors(path):
                yield f"{document.relative_to(root)}: {link}: there is no such heading"


def main() -> int:
    """Print what leads nowhere; 1 if anything does."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--check", action="store_true", required=True, help="look, and change nothing")
    parser.parse_args()
    found = list(faults(documents()))
    print(*found, sep="\n", end="\n" if found else "", file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    raise SystemExit(main())
