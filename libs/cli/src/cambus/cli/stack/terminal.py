"""What a stack shows on the terminal while it starts, runs and stops."""

import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from rich.text import Text

from cambus.cli.device_status import utc_now
from cambus.cli.formatting import local
from cambus.cli.output import Output
from cambus.cli.stack.options import StackOptions
from cambus.cli.stack.stack import Change

DEFAULT_NATS: Final = "nats://127.0.0.1:4222"
WIDTH: Final = 18


class Terminal:
    """Tells people, or with `--json` programs, what happens to the stack."""

    def __init__(self, out: Output, options: StackOptions) -> None:
        self._out = out
        self._options = options

    def change(self, name: str, change: Change, detail: str) -> None:
        """A process of the stack is ready, ended, or is back."""
        if self._out.as_json:
            self._out.record({"event": change, "name": name, "detail": detail})
            return
        time = local(utc_now())
        match change:
            case Change.READY:
                line = Text.assemble(("  ready  ", "green"), f"{name:<{WIDTH}}", (detail, "dim"))
            case Change.BACK:
                line = Text.assemble((f"{time}  ", "dim"), (f"{name} is back", "green"))
            case Change.ENDED:
                log = self._options.log(name)
                line = Text.assemble(
                    (f"{time}  ", "dim"),
                    (f"{name} ended, {detail}; it is started again. ", "bold red"),
                    (f"Its log: {log}", "dim"),
                )
        self._out.text(line)

    def taken(self, wanted: int, url: str) -> None:
        """A port was taken, so another is used."""
        if not self._out.as_json:
            self._out.note(f"port {wanted} is taken; using {url}")

    def line(self, text: str = "", style: str = "") -> None:
        """Say something to people only."""
        if not self._out.as_json:
            self._out.line(text, style)

    def alarm(self, text: str) -> None:
        """An alarm came in."""
        if self._out.as_json:
            self._out.record({"event": "alarm", "text": text})
        else:
            self._out.text(Text.assemble((f"{local(utc_now())}  ", "dim"), ("alarm  ", "bold yellow"), text))

    def things_to_try(self, things: Sequence[tuple[str, str]]) -> None:
        """Commands, ready to paste, each with what it does."""
        width = max(len(command) for command, _ in things)
        for command, meaning in things:
            self._out.text(Text.assemble("  ", (f"{command:<{width}}", "cyan"), ("  " + meaning, "dim")))


def command_prefix(nats_url: str) -> str:
    """How cambusctl is called in another terminal against this stack."""
    program = _program()
    return program if nats_url == DEFAULT_NATS else f"{program} --nats {nats_url}"


def _program() -> str:
    """`cambusctl` if another terminal finds it too; else its path, as short as possible."""
    script = Path(sys.argv[0]).absolute()
    if script.name != "cambusctl":
        return "cambusctl"
    found = shutil.which("cambusctl")
    if found is not None and Path(found).samefile(script) and "MAKELEVEL" not in os.environ:
        return "cambusctl"
    try:
        return str(script.relative_to(Path.cwd()))
    except ValueError:
        return str(script)
