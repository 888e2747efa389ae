"""`cambusctl up` from start to end: start the stack, fill it, say where everything is, wait."""

import asyncio
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from cambus.bus.logging import configure_logging
from cambus.cli.device_plan import Action, Step
from cambus.cli.devices_file import DeviceEntry
from cambus.cli.formatting import plural
from cambus.cli.output import Output
from cambus.cli.stack.contents import apply_devices, record_everything
from cambus.cli.stack.options import StackOptions
from cambus.cli.stack.running import until_told
from cambus.cli.stack.stack import Stack
from cambus.cli.stack.terminal import Terminal, command_prefix

KEEP_S: Final = 7 * 86400
KEEP_BYTES: Final = 10 << 30


@contextmanager
def logging_to(options: StackOptions) -> Iterator[None]:
    """Write what this process itself logs to a file beside the services' logs."""
    options.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    log = options.log("cambusctl")
    log.parent.mkdir(exist_ok=True)
    with log.open("a", encoding="utf-8") as stream:
        configure_logging("cambusctl", log_format="console", stream=stream)
        try:
            yield
        finally:
            logging.getLogger().handlers.clear()


class Up:
    """One run.

    Args:
        out: where to tell of it.
        options: what to run and where.
        file: the devices file; None without devices.
        devices: what is in it.
        record: record everything unless there is a policy already.
    """

    def __init__(
        self,
        out: Output,
        options: StackOptions,
        file: Path | None,
        devices: list[DeviceEntry],
        *,
        record: bool,
    ) -> None:
        self._out = out
        self._file = file
        self._devices = devices
        self._record = record
        self.options = options
        self.terminal = Terminal(out, options)

    async def run(self) -> None:
        """Run until a signal comes.

        Raises:
            StackFailedError: something did not start.
        """
        with logging_to(self.options):
            await until_told(self._run, on_stop=lambda: self.terminal.line("stopping …", "dim"))
        self.terminal.line("stopped", "dim")

    async def _run(self) -> None:
        self.terminal.line(f"starting; everything is kept in {self.options.data_dir}/", "dim")
        async with Stack(self.options, on_change=self.terminal.change) as stack:
            await self.fill(stack)
            await self.tell(stack)
            await asyncio.Event().wait()

    async def fill(self, stack: Stack) -> None:
        """Give a stack its devices and something to record."""
        if self._file is not None:
            self.tell_devices(
                await apply_devices(stack.bus, self._file, self._devices, stack.credentials_key_file)
            )
        if self._record and await record_everything(stack.bus, keep_s=KEEP_S, keep_bytes=KEEP_BYTES):
            self.terminal.line("  everything is recorded, and kept for a week")

    def tell_devices(self, steps: Sequence[Step]) -> None:
        """Say what became of the devices of the file."""
        fresh = sum(1 for step in steps if step.action is not Action.KEEP)
        self.terminal.line(f"  {plural(len(steps), 'device')} applied, {fresh} new or changed")

    async def tell(self, stack: Stack) -> None:
        """Say where everything is, and what to try."""
        relay = (await stack.instance("media-relay")).metadata
        await self.tell_ports(stack, relay)
        if self._out.as_json:
            self._out.record({"event": "running", "nats": stack.nats_url, **relay})
            return
        self.terminal.line()
        self.terminal.line(f"Watch:  {relay['viewers']}/", "bold")
        self.terminal.line()
        self.terminal.line("Try, in another terminal:")
        self.terminal.things_to_try(self.things_to_try(stack))
        self.terminal.line()
        self.terminal.line(f"Ctrl-C stops everything. Logs are in {self.options.data_dir}/logs/.", "dim")

    def things_to_try(self, stack: Stack) -> list[tuple[str, str]]:
        """Commands to paste, each with what it does."""
        ctl = command_prefix(stack.nats_url)
        return [
            (f"{ctl} devices --watch", "how the devices are"),
            (f"{ctl} events --follow", "what happens"),
            (f"{ctl} doctor", "what is wrong, if anything"),
            (
                f"{ctl} apply -f {self._file or 'devices.yaml'} --credentials-key {stack.credentials_key_file}",
                "change devices",
            ),
        ]

    async def tell_ports(self, stack: Stack, relay: dict[str, str]) -> None:
        """Say which ports are others than asked for."""
        options = self.options
        sip = (await stack.instance("connector-gb28181")).metadata["registration"]
        for wanted, url in (
            (options.nats_port, stack.nats_url),
            (options.relay_http_port, relay["viewers"]),
            (options.relay_rtsp_port, relay["rtsp"]),
            (options.sip_port, sip),
            (options.webrtc_port, relay["webrtc"]),
        ):
            if wanted and url and not url.endswith(f":{wanted}"):
                self.terminal.taken(wanted, url)
