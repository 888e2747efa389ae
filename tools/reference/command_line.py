"""The command line: every command of `cambusctl` with its arguments and options."""

import importlib
import inspect
from collections.abc import Iterator
from functools import cache
from typing import Any, Final

import typer

from cambus.cli.main import COMMANDS, app
from reference.markdown import GENERATED, code, document, prose, table

_TYPES: Final = {
    "<int range>": "NUMBER",
    "<float range>": "NUMBER",
    "<int>": "NUMBER",
    "<float>": "NUMBER",
    "<str>": "TEXT",
}


@cache
def tree() -> dict[str, Any]:
    """Every command that does something, by what is typed: `ptz move`."""
    return {
        words: command
        for name, _, _ in COMMANDS
        for words, command in _leaves(
            name, typer.main.get_command(importlib.import_module(f"cambus.cli.commands.{name}").app)
        )
    }


def _leaves(words: str, command: Any) -> Iterator[tuple[str, Any]]:
    inner = getattr(command, "commands", {})
    if not inner or command.invoke_without_command:
        yield words, command
    for name, each in inner.items():
        yield from _leaves(f"{words} {name}", each)


def page() -> str:
    """The page of the command line."""
    root = typer.main.get_command(app)
    intro = (
        "`cambusctl COMMAND --help` says the same in the terminal. Global options may stand anywhere. Times "
        "are `2026-02-01T12:00:00Z`, `14:30` (today, or yesterday if that is still to come), `-15m` or `now`."
        " Channels count from 0. [Exit codes](errors.md#exit-codes-of-cambusctl) are meant for scripts."
    )
    sections = (_section(name, summary) for name, _, summary in COMMANDS)
    return document("# cambusctl", GENERATED, intro, "## Global options", _options(root), *sections)


def _section(name: str, summary: str) -> str:
    """A command, or all commands below one."""
    leaves = {words: each for words, each in tree().items() if words.split()[0] == name}
    if list(leaves) == [name]:
        return document(f"## {name}", _command(name, leaves[name]))
    heads = (f"### {words} {{ #{words.replace(' ', '-')} }}" for words in leaves)
    parts = (document(head, _command(*leaf)) for head, leaf in zip(heads, leaves.items(), strict=True))
    return document(f"## {name}", prose(summary), *parts)


def _command(words: str, command: Any) -> str:
    arguments = " ".join(_argument(each) for each in command.params if each.param_type_name == "argument")
    usage = f"cambusctl {words} {arguments}".strip()
    return document(f"```text\n{usage}\n```", _paragraphs(command.help or ""), _options(command))


def _paragraphs(text: str) -> str:
    """The help of a command; its examples stand on lines of their own."""
    paragraphs = (inspect.cleandoc(each) for each in text.split("\n\n"))
    return document(
        *(f"```sh\n{each}\n```" if each.startswith("cambusctl ") else prose(each) for each in paragraphs)
    )


def _argument(argument: Any) -> str:
    name = (argument.metavar or argument.name.upper()) + ("…" if argument.nargs == -1 else "")
    return name if argument.required else f"[{name}]"


def _options(command: Any) -> str:
    context = typer.Context(command)
    rows = []
    for each in command.params:
        if each.param_type_name == "option" and not each.hidden:
            spelled = ", ".join(code(option) for option in (*each.opts, *each.secondary_opts))
            value = (
                ""
                if each.is_flag
                else code(each.metavar or _TYPES.get(kind := each.display_type(context), kind))
            )
            rows.append((spelled, value, _default(each), prose(each.help or "")))
        elif each.param_type_name == "argument" and each.help:
            rows.append((code(each.metavar or each.name.upper()), "", "", prose(each.help)))
    return table(("argument or option", "value", "default", "meaning"), rows)


def _default(option: Any) -> str:
    value = option.default
    if value is None or value is False or callable(value) or value == []:
        return ""
    return "yes" if value is True else code(value)
