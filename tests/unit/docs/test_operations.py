"""What the pages for operators name is there: metrics, variables, and the sections the first table leads to."""

import re

import pytest
from documented import ROOT

PAGES = sorted((ROOT / "docs" / "operations").glob("*.md"))
RUNBOOKS = (ROOT / "docs" / "operations" / "runbooks.md").read_text()
PARTS = ["Shows", "Means", "Do", "Over"]


@pytest.fixture(scope="module")
def code():
    """All of the program."""
    files = (path for folder in ("libs", "services") for path in (ROOT / folder).glob("*/src/**/*.py"))
    return "\n".join(path.read_text() for path in files)


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.stem)
def test_metrics_and_variables_are_those_of_the_program(page, code):
    text = page.read_text()
    metrics = {f'"{name}"' for name in re.findall(r"\bcambus_([a-z0-9_]+)", text)}
    variables = {name.lower() for name in re.findall(r"\bCAMBUS_([A-Z0-9_]+[A-Z0-9])(?![*A-Z0-9_])", text)}
    streams = {"events", "dead_letters"}  # CAMBUS_EVENTS is a stream
    assert {name for name in metrics | (variables - streams) if name not in code} == set()


def test_every_line_of_the_first_table_leads_to_a_section():
    sections = re.findall(r"^## (.+)$", RUNBOOKS, re.MULTILINE)
    names = [section.lower().replace(" ", "-") for section in sections]
    table, *rest = re.split(r"^(?=## )", RUNBOOKS, flags=re.MULTILINE)
    link = re.compile(r"\]\(#([a-z0-9-]+)\)")
    assert names == link.findall(table)
    assert set(link.findall("".join(rest))) <= set(names)


def test_every_runbook_has_its_four_parts():
    for section in RUNBOOKS.split("\n## ")[1:]:
        parts = re.findall(r"^\* \*\*(\w+)\*\*:", section, re.MULTILINE)
        assert parts in (PARTS, []), section.partition("\n")[0]
        assert parts or "](" in section
