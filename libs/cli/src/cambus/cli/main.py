"""The entry point of cambusctl: global options, the list of commands, and one place for everything that fails."""

import gc
import importlib
import os
import sys
import traceback
from collections.abc import Sequence
from typing import Annotated, Any, Final

import typer

from cambus.cli.failures import DONE, EXIT_CODES, FAILED, INTERRUPTED, USAGE, CliError
from cambus.cli.groups import Group, LazyCommand, unwrap, with_globals_first
from cambus.cli.invocation import Cli, Options
from cambus.cli.output import Output

START: Final = "Start here"
DEVICES: Final = "Devices"
PICTURES: Final = "Pictures and recordings"
ALARMS: Final = "Events and alarms"
UPKEEP: Final = "Upkeep"

COMMANDS: Final = (
    ("demo", START, "Run everything on this machine with simulated devices."),
    ("up", START, "Run everything on this machine with the devices of a file."),
    ("apply", DEVICES, "Make the devices on the bus those of a devices.yaml."),
    ("discover", DEVICES, "Look for devices on the networks of the connectors."),
    ("devices", DEVICES, "List the devices and how they are."),
    ("device", DEVICES, "Look at one device, or remove it."),
    ("call", DEVICES, "Send any command to a device or a service."),
    ("ptz", DEVICES, "Move a camera, and use its presets."),
    ("talk", DEVICES, "Say something through a device."),
    ("live", PICTURES, "Find out where to watch a camera."),
    ("snapshot", PICTURES, "Take a still picture."),
    ("recordings", PICTURES, "Search, export and configure recordings."),
    ("events", ALARMS, "Show what happens, and what happened."),
    ("alarms", ALARMS, "List, acknowledge and search alarms, and say where they go."),
    ("deadletters", ALARMS, "What a service gave up on: look at it, and have it tried again."),
    ("secret", UPKEEP, "Store a secret, such as the key webhooks are signed with."),
    ("upgrade", UPKEEP, "Upgrade devices, one or a thousand."),
    ("cascade", UPKEEP, "Be a part of larger GB/T 28181 platforms, and say what they see."),
    ("nats", UPKEEP, "Make users of NATS with the least rights they need."),
    ("backup", UPKEEP, "Keep what people have set up in a file."),
    ("restore", UPKEEP, "Put what a backup holds back onto the bus."),
    ("services", UPKEEP, "List the services that run."),
    ("doctor", UPKEEP, "Find out what is wrong, and what to do about it."),
)

COLLECT_AFTER: Final = 20_000, 20, 20
"""Allocations between two searches for garbage: with Python's 700 a short command spends a twentieth of its time on
looking through what its imports have made, which stays."""


class Root(Group):
    """The group of all commands, each loaded when it is needed."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        unwrap(self)
        for name, panel, summary in COMMANDS:
            self.add_command(LazyCommand(name, summary, panel, f"cambus.cli.commands.{name}"))

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read the global options, wherever they stand."""
        return super().parse_args(ctx, with_globals_first(args))


app = typer.Typer(
    name="cambusctl",
    cls=Root,
    epilog=EXIT_CODES,
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
)


def _show_version(*, wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version  # noqa: PLC0415 - slow, and rarely asked for

        typer.echo(f"cambusctl {version('cambus-cli')}")
        raise typer.Exit


@app.callback()
def root(
    context: typer.Context,
    *,
    nats: Annotated[
        str | None,
        typer.Option(
            metavar="URL", help="Address of NATS; default: CAMBUS_NATS_URL, or nats://127.0.0.1:4222."
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, errors too.")] = False,
    timeout: Annotated[
        float | None, typer.Option(metavar="SECONDS", min=0.1, max=86400, help="How long a command may take.")
    ] = None,
    verbose: Annotated[bool, typer.Option("--verbose", help="Show the log, and where defects are.")] = False,
    version: Annotated[  # noqa: ARG001 - its callback does the work
        bool,
        typer.Option(
            "--version",
            is_eager=True,
            callback=lambda value: _show_version(wanted=value),
            help="Print the version and exit.",
        ),
    ] = False,
) -> None:
    """The human's hand on a Cambus bus: cameras and recorders of any make on NATS.

    New here? `cambusctl demo` starts everything with simulated devices and tells what to try.

    Global options may stand anywhere. Times are `2026-02-01T12:00:00Z`, `14:30` (today, or yesterday if that
    is still to come), `-15m` or `now`; those without a zone, and those shown, are this machine's (TZ), those
    of --json are UTC. Channels count from 0.
    """
    context.obj = Cli(Options(nats=nats, timeout_s=timeout, verbose=verbose), Output(as_json=as_json))


def run(arguments: Sequence[str]) -> int:
    """Run one command line; returns the exit code. Whatever fails is told without a traceback."""
    arguments = list(arguments)
    output = Output(as_json="--json" in with_globals_first(arguments))
    try:
        result = typer.main.get_command(app).main(arguments, prog_name="cambusctl", standalone_mode=False)
    except KeyboardInterrupt:
        output.errors.print()
        return INTERRUPTED
    except typer.Abort:
        output.failure(CliError("nothing was done", reason="not-confirmed"))
        return FAILED
    except typer.TyperException as error:
        failure = CliError(error.format_message(), hint=_help_of(error), exit_code=USAGE, reason="usage")
    except BrokenPipeError:
        os.dup2(
            os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno()
        )  # or the interpreter complains at its end
        return FAILED
    except Exception as error:  # noqa: BLE001 - the edge of the program
        if "--verbose" in arguments:
            traceback.print_exception(error)
        failure = importlib.import_module("cambus.cli.explain").explain(_innermost(error))
    else:
        return result if isinstance(result, int) else DONE
    output.failure(failure)
    return failure.exit_code


def main() -> None:
    """The console command."""
    gc.set_threshold(*COLLECT_AFTER)
    sys.exit(run(sys.argv[1:]))


def _innermost(error: Exception) -> Exception:
    """The first failure of a task group; the others follow from it as a rule."""
    while isinstance(error, ExceptionGroup):
        error = error.exceptions[0]
    return error


def _help_of(error: typer.TyperException) -> str:
    context = getattr(error, "ctx", None)
    return f"{context.command_path} --help" if context is not None else "cambusctl --help"
