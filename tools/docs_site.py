"""What the site of the documentation has beside `docs/`: the reference, READMEs, the contract; and links to them.

A hook of mkdocs. In the repository a page links to `../../services/recorder/README.md`, which people read where the
code is; the site has that file as a page of its own, and the link leads there. A link to a file that the site has
not, such as a source file, is shown as its text.
"""

import posixpath
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page
from reference import PAGES

ROOT: Final = Path(__file__).resolve().parent.parent
PROJECT: Final = {
    "CHANGELOG.md": "project/changelog.md",
    "CONTRIBUTING.md": "project/contributing.md",
    "SECURITY.md": "project/security.md",
}
"""Files of the top of the repository that are pages."""
_LINK: Final = re.compile(r"(?<!!)\[((?:[^\[\]]|\[[^\]]*\])+)\]\(([^)\s]+)\)")
_FENCE: Final = re.compile(r"^(```.*?^```)", re.MULTILINE | re.DOTALL)
_ABROAD: Final = re.compile(r"[a-z]+:|#")


def pages_from_elsewhere() -> dict[str, str]:
    """Where each file outside of `docs/` is in the site: its path in the repository, its path in the site."""
    places = {"proto-schemas/README.md": "proto-schemas/README.md", **PROJECT}
    for tower in ("services", "libs"):
        for path in sorted((ROOT / tower).glob("*/README.md")):
            places[f"{tower}/{path.parent.name}/README.md"] = f"{tower}/{path.parent.name}.md"
    return places


def contract() -> list[Path]:
    """The files of the contract that programs read."""
    return [
        ROOT / "proto-schemas" / "asyncapi.yaml",
        *sorted((ROOT / "proto-schemas" / "jsonschema").glob("*.json")),
    ]


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add what is not in `docs/`."""
    for name, make in PAGES.items():
        files.append(File.generated(config, f"reference/{name}", content=make()))
    for origin, place in pages_from_elsewhere().items():
        files.append(File.generated(config, place, abs_src_path=str(ROOT / origin)))
    for path in contract():
        files.append(File.generated(config, str(path.relative_to(ROOT)), abs_src_path=str(path)))
    config.nav = [
        each for entry in config.nav or [] for each in _expanded(entry, files, set(_named(config.nav)))
    ]
    return files


def _expanded(entry: Any, files: Files, named: set[str]) -> Iterator[Any]:
    """An entry of the navigation with the pages of a folder in the place of `folder/*`."""
    if isinstance(entry, str):
        yield from _folder(entry, files, named) if entry.endswith("/*") else [entry]
        return
    ((title, inside),) = entry.items()
    if isinstance(inside, str) and not inside.endswith("/*"):
        yield entry
        return
    inside = [inside] if isinstance(inside, str) else inside
    yield {title: [each for one in inside for each in _expanded(one, files, named)]}


def _folder(pattern: str, files: Files, named: set[str]) -> list[str]:
    folder = pattern.removesuffix("/*")
    found = {file.src_uri for file in files.documentation_pages()} - named
    ours = [page for page in found if posixpath.dirname(page) == folder]
    return sorted(ours, key=_order)


def _order(page: str) -> tuple[int, str]:
    """In the order of the index of the documentation, then by name."""
    at = (ROOT / "docs" / "README.md").read_text(encoding="utf-8").find(f"]({page})")
    return (at if at >= 0 else 1 << 30, page)


def _named(entries: Any) -> Iterator[str]:
    if isinstance(entries, str):
        yield entries
    elif isinstance(entries, dict):
        for each in entries.values():
            yield from _named(each)
    else:
        for each in entries or ():
            yield from _named(each)


def on_page_markdown(markdown: str, /, *, page: Page, files: Files, **_: Any) -> str:
    """Have links lead to where things are in the site."""
    parts = _FENCE.split(markdown)
    return "".join(
        part if part.startswith("```") else _LINK.sub(lambda link: _led(link, page.file, files), part)
        for part in parts
    )


def _led(link: re.Match[str], file: File, files: Files) -> str:
    text, target = link.groups()
    if _ABROAD.match(target):
        return link[0]
    path, hash_, anchor = target.partition("#")
    aimed = posixpath.normpath(posixpath.join(posixpath.dirname(_origin(file)), path))
    place = pages_from_elsewhere().get(aimed, aimed.removeprefix("docs/"))
    if files.get_file_from_path(place) is None:
        return text
    return f"[{text}]({posixpath.relpath(place, posixpath.dirname(file.src_uri) or '.')}{hash_}{anchor})"


def _origin(file: File) -> str:
    """Where a page is in the repository."""
    elsewhere = {place: origin for origin, place in pages_from_elsewhere().items()}
    return elsewhere.get(file.src_uri, f"docs/{file.src_uri}")
