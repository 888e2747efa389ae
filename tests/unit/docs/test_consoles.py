"""Every command that a guide tells to type is typed by a test, or the page says why nobody does."""

import re

import pytest
from console_blocks import NOT_TESTED, Console, Typed, Written, missing, steps
from documented import GUIDES, ROOT

FENCE = re.compile(r"^ *```(\w*)(.*)$", re.MULTILINE)
OURS = ("cambusctl", "cambus-", "make", "nats", "python")


def test_every_guide_is_in_the_index():
    folders = [ROOT / "docs" / name for name in ("tutorial", "how-to", "operations")]
    assert {path for folder in folders for path in folder.glob("*.md")} == set(GUIDES)


@pytest.mark.parametrize("page", GUIDES, ids=lambda page: f"{page.parent.name}-{page.stem}")
def test_a_title_of_a_console_says_why_it_is_not_run(page):
    text = page.read_text()
    opened = [(language, rest) for language, rest in FENCE.findall(text) if language]
    for language, rest in opened:
        if language == "console":
            assert re.fullmatch(rf'( title="{NOT_TESTED}[^"]{{10,}}")?', rest), rest
    assert sum(isinstance(step, Console) for step in steps(page)) == [name for name, _ in opened].count(
        "console"
    )


@pytest.mark.parametrize(
    "page",
    [page for page in GUIDES if any(isinstance(step, Console) for step in steps(page))],
    ids=lambda page: f"{page.parent.name}-{page.stem}",
)
def test_a_guide_with_consoles_types_nothing_outside_of_them(page):
    """Once a page is followed all of it is: a command in a block of another kind would be seen by nobody."""
    for language, body in re.findall(
        r"^```(\w*)[^\n]*\n(.*?)^```$", page.read_text(), re.MULTILINE | re.DOTALL
    ):
        if language not in {"console", "ini"}:
            assert not [line for line in body.splitlines() if line.startswith(OURS)], language


def test_tutorials_and_the_guides_of_this_form_are_followed():
    followed = {page.stem for page in GUIDES if any(isinstance(step, Console) for step in steps(page))}
    assert {
        "first-look",
        "your-camera",
        "keep-it-running",
        "add-a-device",
        "watch",
        "write-a-client",
    } <= followed


def test_a_block_is_read_as_it_is_shown(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(
        "# Page\n\n```console\n$ cambusctl devices  # which\ngate … online\n\nyard\n$ cambusctl call gate x '{\n"
        '  "a": 1}\'\n```\n\n```yaml title="a.yaml"\nid: a\n```\n\n```console title="not tested: wants a camera"\n'
        "$ one \\\n  two\n```\n\n* a list\n\n  ```console\n  $ cambusctl events --follow\n  raised\n  ^C\n  ```\n"
    )
    assert list(steps(page)) == [
        Console(
            (
                Typed("cambusctl devices", ("gate … online", "yard")),
                Typed("cambusctl call gate x '{\"a\": 1}'"),
            )
        ),
        Written("a.yaml", "id: a\n"),
        Console((Typed("one two"),), "wants a camera"),
        Console((Typed("cambusctl events --follow", ("raised",), goes_on=True),)),
    ]


def test_what_is_expected_is_looked_for_in_its_order():
    printed = "id    state\ngate  online\nyard  offline\n"
    assert missing(("id state", "gate online", "yard … line"), printed) == ""
    assert missing(("yard", "gate"), printed) == "gate"
    assert missing(("gate … offline",), printed) == "gate … offline"  # of another line
    assert missing(("gate offline",), printed) == "gate offline"
