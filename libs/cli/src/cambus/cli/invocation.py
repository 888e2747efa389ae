"""One run of cambusctl: its global options, its output, and its connection to NATS."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import typer

from cambus.cli.output import Output
from cambus.cli.questions import confirm

if TYPE_CHECKING:
    from cambus.client.connection import Connection


@dataclass(frozen=True, slots=True)
class Options:
    """The global options.

    Attributes:
        nats: the address of NATS; None: `CAMBUS_NATS_URL`, or the one on this machine.
        timeout_s: how long a command may take; None: what the catalog says.
        verbose: show the log, and tracebacks of defects.
    """

    nats: str | None = None
    timeout_s: float | None = None
    verbose: bool = False


class Cli:
    """What every command is given."""

    def __init__(self, options: Options, out: Output) -> None:
        self.options = options
        self.out = out

    @classmethod
    def of(cls, context: typer.Context) -> "Cli":
        """The one of this run."""
        cli = context.find_object(cls)
        if cli is None:
            raise RuntimeError("no run of cambusctl")
        return cli

    @property
    def json(self) -> bool:
        """Whether programs read the output."""
        return self.out.as_json

    def run(self, work: Callable[["Connection"], Awaitable[int | None]]) -> None:
        """Connect, do the work, disconnect; what it returns, unless None or 0, is the exit code."""
        from cambus.cli.connection import connected  # noqa: PLC0415 - NATS is heavy; help does without

        async def connect_and_work() -> int | None:
            async with connected(self.options) as bus:
                return await work(bus)

        self.exit_with(asyncio.run(connect_and_work()))

    def exit_with(self, code: int | None) -> None:
        """End with this exit code, if it is one."""
        if code:
            raise typer.Exit(code)

    def confirm(self, question: str, *, yes: bool) -> None:
        """Ask before something that cannot be taken back.

        Raises:
            UsageError: nobody is there to answer, and there is no `--yes`.
            typer.Abort: the answer is no.
        """
        if not yes:
            confirm(question)
