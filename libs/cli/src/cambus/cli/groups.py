"""Command groups that load what they need and no more, and that take global options anywhere.

Importing the catalog and NATS takes far longer than `cambusctl --help` may: a command's module is imported
when the command is run, or its own help is asked for.
"""

import importlib
import re
from collections.abc import Sequence
from typing import Any, Final

import typer
from typer.core import TyperCommand, TyperGroup

from cambus.cli.deferred import defer

GLOBAL_FLAGS: Final = frozenset({"--json", "--verbose"})
GLOBAL_VALUES: Final = frozenset({"--nats", "--timeout"})

#: The end of a line that is neither the end of a paragraph nor followed by an indented line.
_LINE_END = re.compile(r"(?<!\n)\n(?![\n ])")

#: What Rich would take for the beginning of a style.
_BRACKET = re.compile(r"(?<!\\)\[(?=[a-zA-Z#/@])")


def with_globals_first(arguments: Sequence[str]) -> list[str]:
    """Return the arguments with the global options in front, wherever before `--` they stood.

    So `cambusctl devices --json` does what it looks like.
    """
    front: list[str] = []
    rest: list[str] = []
    waiting = iter(arguments)
    for argument in waiting:
        name, equals, _ = argument.partition("=")
        if argument == "--":
            rest += [argument, *waiting]
        elif argument in GLOBAL_FLAGS or (name in GLOBAL_VALUES and equals):
            front.append(argument)
        elif argument in GLOBAL_VALUES:
            front += [argument, *(value for value in [next(waiting, None)] if value is not None)]
        else:
            rest.append(argument)
    return front + rest


def unwrap(command: Any) -> Any:
    """Make a command's help, and its subcommands', what is to be shown.

    Lines of a paragraph are joined: terminals wrap them. Brackets are brackets: nobody marks up help here, and Typer
    would take `[motion]` for a colour.
    """
    command.help = _BRACKET.sub(r"\\[", _LINE_END.sub(" ", command.help or ""))
    for parameter in command.params:
        if getattr(parameter, "help", None):
            parameter.help = _BRACKET.sub(r"\\[", parameter.help)
    for inner in getattr(command, "commands", {}).values():
        unwrap(inner)
    return command


class Group(TyperGroup):
    """A group that shows its help when it is given nothing."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read the arguments; none at all asks for help."""
        if not args and not self.invoke_without_command and not ctx.resilient_parsing:
            args = ["--help"]
        return super().parse_args(ctx, args)


class LazyCommand(TyperCommand):
    """A command known by name and summary; its module is imported when it is used.

    Args:
        name: as typed.
        summary: what the list of commands says.
        panel: under which heading.
        module: `package.module` with the `typer.Typer` called `app`.
    """

    def __init__(self, name: str, summary: str, panel: str, module: str) -> None:
        super().__init__(name, help=summary, rich_help_panel=panel)
        self._module = module

    def make_context(self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any) -> Any:
        """Hand over to the real command."""
        defer("aiohttp")
        app: typer.Typer = importlib.import_module(self._module).app
        real = unwrap(typer.main.get_command(app))
        real.name = self.name
        return real.make_context(info_name, args, parent=parent, **extra)
