"""The serial ports of a device, carried over the bus: who writes holds the port, what comes back is published."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Final, Protocol

from cambus.connector.context import DeviceContext
from cambus.connector.ending import end
from cambus.connector.errors import SessionEnd
from cambus.connector.publisher import FramePublisher
from cambus.media.frame import Codec, Flag, Frame, Kind
from cambus.schemas.commands.serial import SerialOpenReply, SerialOpenRequest
from cambus.schemas.errors import Conflict, NotFound, Offline
from cambus.schemas.ids import SESSION_PREFIX, new_ulid

logger = logging.getLogger(__name__)

CLOSE_S: Final = 1.0
CHANNEL: Final = 0
"""Serial ports belong to no camera; their bytes are published beside the first."""


class SerialLine(Protocol):
    """A port that the device has given us."""

    async def send(self, data: bytes) -> None:
        """Write bytes, whatever they are. Raises a `CambusError`."""

    async def listen(self, sink: Callable[[bytes], Awaitable[None]]) -> None:
        """Hand on what comes, in order; returns or raises `SessionEnd` when the port is ours no longer."""

    async def close(self) -> None:
        """Give the port back; never raises, may be called twice."""


class SerialPorts:
    """The serial ports that are open in one session of a device.

    Args:
        context: of the device.
    """

    def __init__(self, context: DeviceContext) -> None:
        self._context = context
        self._closed = False
        self._taken: set[tuple[str, int]] = set()
        self._open: dict[str, OpenPort] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}

    async def open(
        self, request: SerialOpenRequest, open_line: Callable[[], Awaitable[SerialLine]]
    ) -> SerialOpenReply:
        """Take a port.

        Args:
            request: which, and how it is set.
            open_line: has the device give it; called only if nobody has it here.

        Raises:
            Conflict: somebody has it.
            Offline: the session ended meanwhile.
            CambusError: whatever `open_line` raises.
        """
        place = (request.kind, request.port)
        if place in self._taken:
            raise Conflict("somebody has the port open already", reason="port-busy")
        self._taken.add(place)
        try:
            line = await open_line()
        except BaseException:
            self._taken.discard(place)
            raise
        if self._closed:
            await line.close()
            raise Offline("the session ended meanwhile", reason="session-closed")
        session = f"ser-{new_ulid()}"
        publisher = self._context.publisher(CHANNEL, SESSION_PREFIX + session)
        port = self._open[session] = OpenPort(line, publisher, request.ttl_s)
        task = asyncio.create_task(self._run(session, port), name=f"serial {session}")
        self._tasks[session] = task
        task.add_done_callback(lambda _: self._forget(session, place))
        return SerialOpenReply(session=session, subject=publisher.subject, ttl_s=request.ttl_s)

    async def write(self, session: str, data: bytes) -> None:
        """Send bytes out of a port; none only keeps it.

        Raises:
            NotFound: there is no such session, or it is over.
            CambusError: the device does not take them.
        """
        port = self._open.get(session)
        if port is None:
            raise NotFound("no serial port is open under that session", reason="no-such-session")
        await port.write(data)

    async def give_back(self, session: str) -> None:
        """Give a port back; one that is not open is no error."""
        task, port = self._tasks.get(session), self._open.get(session)
        if task is not None and port is not None:
            await end(task)
            await port.release()  # if it ended before its first step

    async def close(self) -> None:
        """The session ends: give every port back, bounded in time, and open no other."""
        self._closed = True
        tasks, ports = list(self._tasks.values()), list(self._open.values())
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=CLOSE_S)
        await asyncio.gather(*(port.release() for port in ports))  # those that ended before their first step

    def _forget(self, session: str, place: tuple[str, int]) -> None:
        self._taken.discard(place)
        self._open.pop(session, None)
        self._tasks.pop(session, None)

    async def _run(self, session: str, port: "OpenPort") -> None:
        try:
            await port.run()
        except SessionEnd as ended:
            extra = {"device": self._context.device, "serial": session, "reason": ended.reason.value}
            logger.info("serial port lost", extra=extra)


class OpenPort:
    """One port that is open.

    Args:
        line: to the device.
        publisher: where what comes goes.
        ttl_s: seconds without a write after which it is given back.
    """

    def __init__(self, line: SerialLine, publisher: FramePublisher, ttl_s: float) -> None:
        self._line = line
        self._publisher = publisher
        self._ttl_s = ttl_s
        self._turn = asyncio.Lock()
        self._released = False
        self._began = _now()
        self._until = _now() + ttl_s

    async def write(self, data: bytes) -> None:
        """Send bytes, those of one call together."""
        self._until = _now() + self._ttl_s
        async with self._turn:
            if data:
                await self._line.send(data)

    async def run(self) -> None:
        """Publish what comes until nobody writes any more, or the device takes the port away."""
        listening = asyncio.create_task(self._line.listen(self._publish), name="serial port")
        try:
            while not listening.done() and (left_s := self._until - _now()) > 0:
                await asyncio.wait({listening}, timeout=left_s)
        finally:
            failures = await end(listening)
            await self.release()
        for failure in failures:
            raise failure

    async def release(self) -> None:
        """Give the port back; once, whoever asks."""
        if not self._released:
            self._released = True
            await self._publisher.end()
            await self._line.close()

    async def _publish(self, data: bytes) -> None:
        pts = round((_now() - self._began) * 90_000)
        wall_us = time.time_ns() // 1000
        await self._publisher.publish(Frame(Kind.DATA, Codec.OPAQUE, Flag.NONE, 0, pts, pts, wall_us, data))


def _now() -> float:
    return asyncio.get_running_loop().time()
