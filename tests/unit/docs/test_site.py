"""The site: every page of `docs/` has its place, and nothing is fetched from elsewhere to build or to read it."""

import os
import re
import subprocess
import sys

import pytest
import yaml
from documented import ROOT

SITE = yaml.safe_load((ROOT / "mkdocs.yml").read_text())
FETCHED = re.compile(
    r"""<(?:script|img|iframe|source|video)\b[^>]*?\bsrc=["']?(?:https?:)?//|url\(["']?(?:https?:)?//"""
)
LINKED = re.compile(r"""<link\b[^>]*?\bhref=["']?(?:https?:)?//""")


def places(entries):
    """The pages a navigation names, and the folders (`folder/*`)."""
    if isinstance(entries, str):
        return {entries}
    inside = entries.values() if isinstance(entries, dict) else entries
    return set().union(*(places(each) for each in inside))


def test_every_page_has_a_place_in_the_navigation():
    named = places(SITE["nav"])
    for path in (ROOT / "docs").rglob("*.md"):
        page = path.relative_to(ROOT / "docs")
        assert str(page) in named or f"{page.parent}/*" in named, (
            f"{page}: add it, or its folder, to mkdocs.yml"
        )


def test_fonts_and_plugins_are_those_that_fetch_nothing():
    assert SITE["theme"]["font"] is False
    assert SITE["plugins"] == ["search"]
    assert "```mermaid" not in "".join(path.read_text() for path in (ROOT / "docs").rglob("*.md"))


@pytest.mark.slow
def test_the_site_builds_without_a_warning_and_asks_nobody_for_anything(tmp_path):
    ran = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path / "site")],
        cwd=ROOT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    assert "WARNING" not in ran.stderr
    pages = sorted((tmp_path / "site").rglob("*.html"))
    assert len(pages) > 60
    for page in (*pages, *(tmp_path / "site").rglob("*.css")):
        text = page.read_text()
        assert not FETCHED.search(text), page
        assert not LINKED.search(re.sub(r'<link rel="?canonical[^>]*>', "", text)), page
    recorder = (tmp_path / "site" / "services" / "recorder" / "index.html").read_text()
    assert 'href="../../adr/0013-playbacks-are-addressed-by-their-session/"' in recorder
