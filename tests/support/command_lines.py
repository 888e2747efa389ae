"""Whether a line of a document can be typed: each program is asked what it takes, and nothing is run."""

import importlib
import json
import os
import re
import shlex
from argparse import ArgumentParser
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import typer
from documented import ROOT
from typer.main import get_command

from cambus.bus.describe import variable
from cambus.bus.runner import _parser as parser_of_service
from cambus.cli.command_lookup import find_command, read_request
from cambus.cli.failures import CliError
from cambus.cli.groups import with_globals_first
from cambus.cli.main import COMMANDS
from cambus.cli.main import app as cambusctl
from cambus.cli.stack.options import SERVICES
from cambus.schemas.catalog import DEVICE_COMMANDS, SERVICE_COMMANDS
from cambus.simulators.cli import app as simulators

MAKEFILE: Final = (ROOT / "Makefile").read_text()
VARIABLES_OF_OTHERS: Final = {"NATS_URL", "BUILDAH_ISOLATION"}
VERBS_OF_KUBECTL: Final = {
    *(
        "apply",
        "create",
        "delete",
        "exec",
        "get",
        "kustomize",
        "logs",
        "port-forward",
        "rollout",
        "scale",
        "wait",
    ),
}
VERBS_OF_COMPOSE: Final = {"down", "exec", "kill", "logs", "ps", "pull", "restart", "run", "up"}
NOT_OURS: Final = {
    "git": "a repository of one's own",
    "cd": "a folder of one's own",
    "cp": "files of one's own",
    "mkdir": "a folder of one's own",
    "sudo": "changes the machine",
    "journalctl": "reads the machine's log",
    "vlc": "opens a window",
    "ffplay": "opens a window",
    "npx": "takes packages from npm",
    "curl": "speaks to what the line before it began",
    ".": "a shell's",
    "for": "a shell's",
    "done": "a shell's",
}
"""Programs whose arguments nobody here can judge, and why."""
_ASSIGNED: Final = re.compile(r"([A-Z][A-Z0-9_]*)=(.*)", re.DOTALL)
_REDIRECTED: Final = re.compile(r"\d?[<>]+|&")


class NotTypeable(AssertionError):
    """What is wrong with a line."""


@dataclass(frozen=True)
class Call:
    """One program a line calls, the variables before it, and its arguments."""

    program: str
    arguments: tuple[str, ...]
    variables: tuple[str, ...] = ()


def calls(line: str) -> Iterator[Call]:
    """The programs that a line calls one after the other, or into one another."""
    splitter = shlex.shlex(line, posix=True, punctuation_chars="|&;<>")
    splitter.whitespace_split = True
    splitter.commenters = "#" if "  #" in line else ""
    words: list[str] = []
    for word in [*splitter, ";"]:
        if word in {"|", "||", "&&", "&", ";"}:
            if words:
                yield _call(words)
            words = []
        else:
            words.append(word)


def _call(words: list[str]) -> Call:
    variables = []
    words = words[words[0] == "do" :]
    while words and (match := _ASSIGNED.fullmatch(words[0])):
        variables.append(match[1])
        words = words[1:]
    kept: list[str] = []
    rest = iter(words)
    for word in rest:
        if _REDIRECTED.fullmatch(word):
            next(rest, None)  # a file
        else:
            kept.append(word)
    return Call(kept[0] if kept else "", tuple(kept[1:]), tuple(variables))


def check(call: Call, page: Path) -> None:
    """Raise NotTypeable if a call of a page cannot be made.

    Args:
        call: the call.
        page: where it stands; what it has readers write is there.
    """
    for name in call.variables:
        if name not in variables():
            raise NotTypeable(f"nobody reads {name}")
    program = call.program
    if program in {"", "export"}:
        for word in call.arguments:
            if word.partition("=")[0] not in variables():
                raise NotTypeable(f"nobody reads {word}")
    elif program in _CHECKS:
        _CHECKS[program](call.arguments, page)
    elif program.removeprefix("cambus-") in SERVICES:
        _service(program.removeprefix("cambus-"), call.arguments)
    elif "/" in program:
        if not (ROOT / program).is_file() or not os.access(ROOT / program, os.X_OK):
            raise NotTypeable(f"{program} is no program of ours")
    elif program not in NOT_OURS:
        raise NotTypeable(f"nobody here knows {program}")


@cache
def variables() -> frozenset[str]:
    """Every variable that somebody reads."""
    known = set(VARIABLES_OF_OTHERS)
    for service in SERVICES:
        module = importlib.import_module(f"cambus.{service.replace('-', '_')}.settings")
        for kind in vars(module).values():
            if isinstance(kind, type) and hasattr(kind, "model_fields") and "model_config" in vars(kind):
                known |= {
                    variable(kind, field) for field in kind.model_fields if hasattr(kind, "model_json_schema")
                }
    source = "".join(
        path.read_text()
        for path in (ROOT / "docker" / "build.sh", ROOT / "Makefile", ROOT / "docker" / "compose.yaml")
    )
    known |= set(re.findall(r"\$[({]([A-Z_]+)", source))
    known |= {
        f"CAMBUS_{name}" for name in ("NATS_URL", "NATS_NKEY_FILE", "NATS_CA_FILE", "CREDENTIALS_KEY_FILE")
    }
    return frozenset(known)


def _cambusctl(arguments: Sequence[str], page: Path) -> None:
    del page
    words = with_globals_first(arguments)
    taken = _parsed(get_command(cambusctl), words)
    if taken.name == "call" and taken.words and not set(words) & {"--list", "--explain"}:
        service = taken.values.get("service")
        given = list(taken.words[0 if service else 1 :])
        body = given[1] if len(given) > 1 else "{}"
        if not body.startswith(("@", "-")):
            _request(find_command(given[0], service), body)


def _request(spec: Any, body: str) -> None:
    try:
        read_request(spec, body, confirmed=True)
    except CliError as error:
        raise NotTypeable(f"{spec.key} does not take {body}: {error}") from error


@dataclass(frozen=True)
class _Taken:
    name: str
    words: tuple[str, ...]
    values: dict[str, Any]


def _parsed(command: Any, words: Sequence[str]) -> _Taken:
    """Read arguments as the program does, down to the last subcommand; files need not be there."""
    given = list(words)
    path: list[str] = []
    while True:
        if command.name in {name for name, _, _ in COMMANDS} and not getattr(command, "commands", None):
            found = get_command(importlib.import_module(f"cambus.cli.commands.{command.name}").app)
            found.name, command = command.name, found
        context = type(command).context_class(command, info_name=command.name)
        parser = command.make_parser(context)
        parser.allow_interspersed_args = not getattr(command, "commands", None)
        try:
            values, rest, _ = parser.parse_args(list(given))
        except typer.TyperException as error:
            raise NotTypeable(f"{' '.join(path)}: {error.format_message()}") from error
        _judge(command, context, values)
        if not getattr(command, "commands", None) or not rest:
            return _Taken(path[0] if path else "", tuple(values.get("arguments") or ()), values)
        if rest[0] not in command.commands:
            raise NotTypeable(f"{' '.join(path)}: there is no {rest[0]}")
        path.append(rest[0])
        command, given = command.commands[rest[0]], rest[1:]


def _judge(command: Any, context: Any, values: dict[str, Any]) -> None:
    if "help" in values:
        return
    for parameter in command.params:
        value = values.get(parameter.name)
        if value is None and not parameter.required:
            continue
        if value is not None and parameter.type_descriptor.annotation is Path:
            continue  # it need not be there
        try:
            parameter.process_value(context, value)
        except typer.TyperException as error:
            raise NotTypeable(f"{command.name}: {parameter.name}: {error.format_message()}") from error


def _simulators(arguments: Sequence[str], page: Path) -> None:
    del page
    _parsed(get_command(simulators), arguments)


def _service(name: str, arguments: Sequence[str]) -> None:
    module = f"cambus.{name.replace('-', '_')}"
    if name == "recorder" and arguments:
        maintenance = importlib.import_module(f"{module}.maintenance")
        if arguments[0] in maintenance.COMMANDS:
            if set(arguments[1:]) - {"--json"} and arguments[1] != "--recordings":
                raise NotTypeable(f"cambus-recorder {arguments[0]} takes no {arguments[1:]}")
            return
    entry = importlib.import_module(f"{module}.__main__")
    kinds = [kind for kind in vars(entry).values() if isinstance(kind, type)]
    (settings,) = (kind for kind in kinds if hasattr(kind, "model_fields"))
    (service,) = (kind for kind in kinds if hasattr(kind, "summary") and kind is not settings)
    parser: ArgumentParser = parser_of_service(service, settings)
    known = {option for action in parser._actions for option in action.option_strings}
    if not set(arguments) <= known:
        raise NotTypeable(f"cambus-{name} takes no {' '.join(arguments)}")


def _make(arguments: Sequence[str], page: Path) -> None:
    del page
    for word in arguments:
        if match := _ASSIGNED.fullmatch(word):
            if match[1] not in MAKEFILE:
                raise NotTypeable(f"make reads no {match[1]}")
        elif not re.search(rf"^{re.escape(word)}:", MAKEFILE, re.MULTILINE):
            raise NotTypeable(f"make has no target {word}")


def _kubectl(arguments: Sequence[str], page: Path) -> None:
    words = list(arguments)
    if words[:1] == ["-n"]:
        words = words[2:]
    if words[0] not in VERBS_OF_KUBECTL:
        raise NotTypeable(f"kubectl has no {words[0]}")
    for option, word in pairwise(words):
        site = "k8s/overlays/site"  # what readers copy the overlay to
        if (
            option in {"-k", "kustomize"}
            and word != site
            and not (ROOT / word / "kustomization.yaml").is_file()
        ):
            raise NotTypeable(f"there is nothing to render in {word}")
        if option == "-f" and word != "-" and not (ROOT / word).exists() and word not in page.read_text():
            raise NotTypeable(f"there is no {word}")


def _docker(arguments: Sequence[str], page: Path) -> None:
    del page
    words = list(arguments)
    if words.pop(0) != "compose":
        raise NotTypeable("only Compose is known here")
    while words and words[0].startswith("-"):
        option, value = words.pop(0), words.pop(0)
        if option == "-f" and not (ROOT / "docker" / Path(value).name).is_file():
            raise NotTypeable(f"there is no {value}")
        if option == "--profile" and f"profiles: [{value}]" not in (ROOT / "docker/compose.yaml").read_text():
            raise NotTypeable(f"there is no profile {value}")
    if words[0] not in VERBS_OF_COMPOSE:
        raise NotTypeable(f"docker compose has no {words[0]}")


def _nats(arguments: Sequence[str], page: Path) -> None:
    del page
    if arguments[0] not in {"req", "request"}:
        return
    _, subject, body = (*arguments, "{}")[:3]
    _, version, kind, named, *command = subject.split(".")
    spec = DEVICE_COMMANDS.get(".".join(command)) or SERVICE_COMMANDS.get(".".join([named, *command]))
    if (version, kind) not in {("v1", "cmd"), ("v1", "svc")} or spec is None:
        raise NotTypeable(f"nobody answers {subject}")
    if unknown := json.loads(body).keys() - spec.request.model_fields.keys():
        raise NotTypeable(f"{spec.key} has no {', '.join(unknown)}")


def _pip(arguments: Sequence[str], page: Path) -> None:
    del page
    for word in arguments[1:]:
        name, _, extra = word.rstrip("]").partition("[")
        files = [path for path in ROOT.glob("*/*/pyproject.toml") if f'name = "{name}"' in path.read_text()]
        if not files or (extra and f"\n{extra} = [" not in files[0].read_text()):
            raise NotTypeable(f"there is no package {word}")


def _python(arguments: Sequence[str], page: Path) -> None:
    if not (ROOT / arguments[0]).is_file() and f'title="{arguments[0]}"' not in page.read_text():
        raise NotTypeable(f"nobody has written {arguments[0]}")


_CHECKS: Final[dict[str, Callable[[Sequence[str], Path], None]]] = {
    "cambusctl": _cambusctl,
    "cambus-sim": _simulators,
    "make": _make,
    "kubectl": _kubectl,
    "docker": _docker,
    "nats": _nats,
    "pip": _pip,
    "python": _python,
}
