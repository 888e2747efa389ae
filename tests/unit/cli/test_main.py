"""The command line itself: help, arguments, exit codes."""

import importlib
import json
import subprocess
import sys

import pytest
import typer

from cambus.cli.groups import with_globals_first
from cambus.cli.main import COMMANDS, run


def commands():
    """Every command and group there is: the words that call it, and what it is."""

    def walk(command, words):
        yield words, command
        for name, inner in getattr(command, "commands", {}).items():
            yield from walk(inner, [*words, name])

    for name, _, _ in COMMANDS:
        app = importlib.import_module(f"cambus.cli.commands.{name}").app
        yield from walk(typer.main.get_command(app), [name])


@pytest.mark.parametrize(
    ("words", "command"), [pytest.param(*each, id=" ".join(each[0])) for each in commands()]
)
def test_every_command_explains_itself_and_its_parameters(words, command, capsys):
    assert run([*words, "--help"]) == 0
    shown = capsys.readouterr().out
    assert f"cambusctl {' '.join(words)}" in " ".join(shown.split())
    assert command.help.strip()
    assert [param.name for param in command.params if not param.help] == []
    words_of_help = {
        *command.help.split(),
        *(word for param in command.params for word in param.help.split()),
    }
    assert words_of_help <= {*shown.replace("│", " ").split()}, "all of it, brackets as well"


def test_the_list_of_commands_imports_neither_nats_nor_the_catalog():
    code = (
        "import sys; from cambus.cli.main import run; run(['--help']); "
        "print([name for name in ('nats', 'cambus.schemas.catalog', 'cambus.client.connection', 'aiohttp') "
        "if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
    assert all(name in done.stdout for name, _, _ in COMMANDS)


def test_no_arguments_ask_for_help(capsys):
    assert run([]) == 0
    assert "cambusctl demo" in capsys.readouterr().out
    assert run(["ptz"]) == 0
    assert "preset" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["devces"], "Did you mean 'devices'"),
        (["ptz", "move", "gate", "0"], "--pan, --tilt or --zoom"),
        (["ptz", "move", "gate"], "Missing argument 'CHANNEL'"),
        (["ptz", "move", "gate", "one"], "Invalid value for 'CHANNEL'"),
        (["recordings", "export", "gate", "0"], "Missing option"),
        (["recordings", "find", "gate", "--from", "noon"], "'noon' is no time"),
        (["recordings", "find", "gate", "--from", "now", "--to", "-1h"], "must be later"),
        (["call", "gate"], "wanted DEVICE NOUN.VERB"),
        (["call", "gate", "ptz.mvoe"], "there are ptz.move"),
        (["call", "gate", "live.open"], "is a command to the service media-relay"),
        (["call", "--service", "media-relay", "ptz.move"], "is a command to a device"),
        (["call", "--service", "relay", "x.y"], "there is no service 'relay'"),
        (["apply", "-f", "nowhere.yaml"], "cannot be read"),
        (["--timeout", "-1", "devices"], "Invalid value for '--timeout'"),
        (["events", "--type", "alarm.rung"], "there is no event 'alarm.rung'"),
    ],
)
def test_a_mistake_is_explained_without_a_traceback(arguments, expected, capsys):
    assert run(arguments) == 2
    captured = capsys.readouterr()
    assert expected in captured.err
    assert "Traceback" not in captured.err
    assert captured.out == ""
    assert run([*arguments, "--json"]) == 2
    error = json.loads(capsys.readouterr().out)["error"]
    assert (error["exit_code"], expected in error["text"] + error.get("hint", "")) == (2, True)


def test_the_version_is_told(capsys):
    assert run(["--version"]) == 0
    assert capsys.readouterr().out.startswith("cambusctl ")


def test_global_options_may_stand_anywhere():
    given = ["call", "gate", "x.y", "--json", "--nats=nats://h:1", "--timeout", "3", "--", "--json"]
    assert with_globals_first(given) == [
        "--json",
        "--nats=nats://h:1",
        "--timeout",
        "3",
        "call",
        "gate",
        "x.y",
        "--",
        "--json",
    ]
    assert with_globals_first(["devices", "--timeout"]) == ["--timeout", "devices"]


def test_a_defect_is_reported_without_a_traceback_unless_asked_for(capsys, monkeypatch):
    def fail(*_, **__):
        raise RuntimeError("that should not happen")

    monkeypatch.setattr("cambus.cli.commands.call.commands_of", fail)
    assert run(["call", "--list"]) == 1
    shown = capsys.readouterr().err
    assert "a defect in cambusctl: RuntimeError: that should not happen" in shown
    assert "Traceback" not in shown
    assert run(["call", "--list", "--verbose"]) == 1
    assert "Traceback" in capsys.readouterr().err


def test_ctrl_c_is_exit_code_130(capsys, monkeypatch):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("cambus.cli.commands.call.commands_of", interrupt)
    assert run(["call", "--list"]) == 130


def test_the_commands_of_the_catalog_are_listed_and_explained(capsys):
    assert run(["call", "--list"]) == 0
    listed = capsys.readouterr().out
    assert "ptz.move" in listed
    assert "service media-relay" in listed
    assert run(["call", "--list", "--service", "recorder", "--json"]) == 0
    assert {each["service"] for each in json.loads(capsys.readouterr().out)} == {"recorder"}
    assert run(["call", "--explain", "ptz.move"]) == 0
    explained = capsys.readouterr().out
    assert "number -1 to 1" in explained
    assert "cambusctl call DEVICE ptz.move '{" in explained
    assert run(["call", "--explain", "media-relay.live.open", "--json"]) == 0
    assert set(json.loads(capsys.readouterr().out)) == {"request", "reply"}
