"""Fetching recordings from a device into a file: resumed after any interruption, named only once it is checked.

While it is under way there are `FILE.part` and `FILE.part.json`, which remembers what is being fetched; the same
command run again goes on from there. Devices send a recording from its beginning only, so what is there already is sent
by the device again, compared by the connector, and not sent over the bus again.
"""

import asyncio
import hashlib
import json
import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import IO, Any, Final

from cambus.cli.failures import OFFLINE, CliError
from cambus.cli.invocation import Cli
from cambus.cli.requests import call
from cambus.client.calling import BusClient
from cambus.client.connection import Connection
from cambus.client.transfer_reader import TransferReader
from cambus.schemas.commands.recording import (
    DOWNLOAD,
    STOP,
    RecordingDownloadReply,
    RecordingDownloadRequest,
    RecordingSessionRequest,
)
from cambus.schemas.errors import CambusError, Conflict, DeadlineExceeded, Offline
from cambus.schemas.transfer import TransferEnd, TransferOutcome, TransferResume

PIECE_BYTES: Final = 1 << 20
PAUSE_S: Final = 1.0
STOP_S: Final = 3.0
BUSY: Final = "download-under-way"
MISMATCH: Final = "resume-mismatch"

Progress = Callable[[int, int | None], None]
"""Told how many bytes are there, and about how many there will be, if that is known."""


@dataclass(frozen=True, slots=True)
class Order:
    """What is fetched, and how it was typed: typed again, it is the same though `now` has moved on."""

    device: str
    request: RecordingDownloadRequest
    typed: dict[str, Any]


class Part:
    """The file under way, and the note beside it.

    Args:
        target: the name it gets in the end.

    Attributes:
        have: bytes that are there.
    """

    def __init__(self, target: Path) -> None:
        self.have = 0
        self._target = target
        self._path = target.with_name(target.name + ".part")
        self._note = target.with_name(target.name + ".part.json")
        self._digest = hashlib.sha256()
        self._file: IO[bytes] | None = None

    def take_up(self, order: Order) -> Order:
        """Return the order an earlier run began, should it be the same; else begin this one."""
        try:
            noted = json.loads(self._note.read_text(encoding="utf-8"))
            times = {name: noted[name] and datetime.fromisoformat(noted[name]) for name in ("start", "end")}
            same = noted["typed"] == order.typed
            if same:
                self._read()
        except (OSError, ValueError, KeyError, TypeError):
            same = False
        if not same:
            self.begin(order)
            return order
        return Order(order.device, order.request.model_copy(update=times), order.typed)

    def begin(self, order: Order) -> None:
        """Forget what is there, and note what is fetched."""
        self.close()
        self._path.unlink(missing_ok=True)
        self.have, self._digest = 0, hashlib.sha256()
        times = {name: at and at.isoformat() for name, at in _times(order.request).items()}
        self._note.write_text(json.dumps({"typed": order.typed, **times}), encoding="utf-8")

    @property
    def resume(self) -> TransferResume | None:
        """What to tell the connector is there."""
        return TransferResume(bytes=self.have, sha256=self._digest.hexdigest()) if self.have else None

    def write(self, data: bytes) -> None:
        """Add what comes next."""
        if self._file is None:
            self._file = self._path.open("ab")
        self._file.write(data)
        self._digest.update(data)
        self.have += len(data)

    def close(self) -> None:
        """Put what was written on the disk."""
        if self._file is not None:
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()
            self._file = None

    def check(self, end: TransferEnd) -> None:
        """Give the file its name, if it is what was sent.

        Raises:
            CliError: it is not.
        """
        self.write(b"")  # an empty recording is an empty file
        self.close()
        if (self.have, self._digest.hexdigest()) != (end.bytes, end.sha256):
            raise CliError(
                f"{self._path} is not what the device sent: {self.have} of {end.bytes} bytes, or another digest",
                hint="remove it and fetch it again",
                reason="damaged",
            )
        self._path.replace(self._target)
        self._note.unlink(missing_ok=True)

    def _read(self) -> None:
        """Take in what an earlier run left."""
        with self._path.open("rb") as file:
            while piece := file.read(PIECE_BYTES):
                self._digest.update(piece)
                self.have += len(piece)


def _times(request: RecordingDownloadRequest) -> dict[str, datetime | None]:
    return {"start": request.start, "end": request.end}


class Fetch:
    """One file fetched from a device.

    Args:
        cli: this run.
        bus: the connection.
        order: what is fetched.
        target: the file.
        patience_s: how long to try again while no byte comes.
    """

    def __init__(self, cli: Cli, bus: Connection, order: Order, target: Path, *, patience_s: float) -> None:
        self._cli = cli
        self._bus = bus
        self._client = BusClient(bus)
        self._order = order
        self._target = target
        self._part = Part(target)
        self._patience_s = patience_s

    async def run(self, progress: Progress) -> TransferEnd:
        """Fetch it, and give the file its name.

        Raises:
            CliError: it can not be had now; what is there stays, to go on from.
            CambusError: it was refused.
        """
        self._order = self._part.take_up(self._order)
        if self._part.have:
            self._note(
                f"going on with what was begun of {self._target}; the device sends it again to compare"
            )
        try:
            end = await self._fetch(progress)
        finally:
            self._part.close()
        self._part.check(end)
        return end

    async def _fetch(self, progress: Progress) -> TransferEnd:
        """Begin transfers until one comes to its end."""
        loop = asyncio.get_running_loop()
        begun, since = False, loop.time()
        while True:
            have = self._part.have
            try:
                reply = await self._begin(first=not begun)
                begun = True
                end = await self._read(reply, progress)
                if end.outcome is not TransferOutcome.INTERRUPTED:
                    return end
                why: CambusError = Offline(end.text or "the device broke off", reason="interrupted")
            except (Offline, DeadlineExceeded) as error:
                why = error
            except Conflict as error:
                if error.reason == MISMATCH:
                    self._note("what is there is not what the device gives now; beginning anew")
                    self._part.begin(self._order)
                    continue
                if error.reason != BUSY:
                    raise
                why = error
            if self._part.have > have:
                since = loop.time()
            elif loop.time() - since >= self._patience_s:
                raise self._given_up(why, begun=begun)
            self._part.close()
            self._note(f"{why.text}; trying again")
            await asyncio.sleep(PAUSE_S)

    async def _begin(self, *, first: bool) -> RecordingDownloadReply:
        """Order the transfer; a device that is away from the start is told of at once, and why."""
        request = self._order.request.model_copy(update={"resume": self._part.resume})
        if first:
            return await call(self._cli, self._bus, DOWNLOAD, request, device=self._order.device)
        timeout_s = self._cli.options.timeout_s
        return await self._client.call(DOWNLOAD, request, device=self._order.device, timeout_s=timeout_s)

    async def _read(self, reply: RecordingDownloadReply, progress: Progress) -> TransferEnd:
        """Read one transfer as far as it goes."""
        reader = TransferReader(self._bus, reply.subject, offset=reply.offset)
        try:
            progress(self._part.have, reply.bytes)
            async for chunk in reader.chunks():
                self._part.write(chunk)
                progress(self._part.have, reply.bytes)
        finally:
            await self._stop(reply.session)
        if reader.end is None:
            raise Offline("the transfer ended without an end")
        return reader.end

    async def _stop(self, session: str) -> None:
        """The transfer is no longer wanted; one that is gone is all right."""
        request = RecordingSessionRequest(session=session)
        with suppress(CambusError):
            await self._client.call(STOP, request, device=self._order.device, timeout_s=STOP_S)

    def _given_up(self, why: CambusError, *, begun: bool) -> Exception:
        if not begun and not self._part.have:
            return why
        return CliError(
            f"only {self._part.have} bytes could be fetched: {why.text}",
            hint="the same command goes on from there",
            exit_code=OFFLINE,
            code=int(why.code),
            reason="interrupted",
            data={"bytes": self._part.have},
        )

    def _note(self, text: str) -> None:
        self._cli.out.note(text)
