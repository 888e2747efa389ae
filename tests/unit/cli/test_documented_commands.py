"""What the documents say can be typed, can be typed."""

import importlib
import re

import pytest
import typer
from documented import DOCUMENTS, ROOT, mentioned

from cambus.cli.main import COMMANDS

GLOBAL = {"--json", "--nats", "--timeout", "--verbose", "--version", "--help"}
PLACEHOLDER = "COMMAND"
MAKEFILE = (ROOT / "Makefile").read_text()


def command_named(words):
    """The command that words call, and the options it has."""
    known = {name for name, _, _ in COMMANDS}
    assert words[0] in known, f"there is no cambusctl {words[0]}"
    command = typer.main.get_command(importlib.import_module(f"cambus.cli.commands.{words[0]}").app)
    options = {option for param in command.params for option in param.opts + param.secondary_opts}
    for word in words[1:]:
        inner = getattr(command, "commands", {})
        if not inner:
            break
        if not re.fullmatch(r"[a-z-]+", word):
            continue
        assert word in inner, f"there is no cambusctl {words[0]} {word}"
        command = inner[word]
        options |= {option for param in command.params for option in param.opts + param.secondary_opts}
    return options


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_cambusctl_in_a_document_is_one_there_is(document):
    for words in mentioned(document, "cambusctl"):
        if words and words[0] != PLACEHOLDER and not words[0].startswith("-"):
            options = command_named(words) | GLOBAL
            given = {word.strip("[]").partition("=")[0] for word in words if re.match(r"\[?--?[a-z]", word)}
            assert given <= options, words


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_make_in_a_document_is_a_target(document):
    for words in mentioned(document, "make"):
        for target in words:
            if re.fullmatch(r"[a-z-]+", target):
                assert re.search(rf"^{target}:", MAKEFILE, re.MULTILINE), f"make {target}"


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_to_a_file_leads_to_one(document):
    for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", document.read_text(encoding="utf-8")):
        if "://" not in target and not target.startswith("mailto:"):
            assert (document.parent / target).exists(), target


def test_the_index_of_the_documentation_is_complete():
    index = (ROOT / "docs" / "README.md").read_text(encoding="utf-8")
    for path in (ROOT / "docs").rglob("*.md"):
        name = str(path.relative_to(ROOT / "docs"))
        if name != "README.md" and path.parent.name != "adr":
            assert f"]({name})" in index, name
    decisions = (ROOT / "docs" / "adr" / "README.md").read_text(encoding="utf-8")
    for path in (ROOT / "docs" / "adr").glob("0*.md"):
        assert path.name in decisions, path.name
