"""The way media takes to us: claimed on one connection, commanded on the same or another (DVRIP §9.1).

Two sockets: the data connection carries the SID of the control session and never logs in. Own session: one
connection logs in, claims, commands and carries the media. The answer to Start (1411, 1421) may come before
the media, after it, on the other socket, or never: media itself is answer enough.
"""

import asyncio
import contextlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from cambus.dvrip.connection import Connection
from cambus.dvrip.errors import ConnectionLost, DvripError, RequestTimeout
from cambus.dvrip.ids import MessageId, reply_id

#: Makes the request for an action: Claim, Start, Stop, ...
MediaBody = Callable[[str], Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class MediaKind:
    """One kind of media.

    Attributes:
        claim: id of its claim.
        command: id of its commands.
        label: words for errors.
        device_closes: whether the device closes the data connection after Stop.
        needs_own_session: whether it must not share the session of the control connection.
        begins_with_reply: whether the answer to Start is all there is to wait for.
        is_shared: whether several channels use one data connection (`cambus.dvrip.shared_path`).
    """

    claim: int
    command: int
    label: str
    device_closes: bool = False
    needs_own_session: bool = False
    begins_with_reply: bool = False
    is_shared: bool = False

    @property
    def stray_replies(self) -> frozenset[int]:
        """Replies that turn up on data sockets unasked."""
        return frozenset({reply_id(self.command)})


LIVE: Final = MediaKind(MessageId.MONITOR_CLAIM, MessageId.MONITOR, "live video", device_closes=True)
#: Live video of several channels on one socket, asked for with CONNECT_ALL.
LIVE_COMBINED: Final = replace(LIVE, is_shared=True)
PLAYBACK: Final = MediaKind(MessageId.PLAYBACK_CLAIM, MessageId.PLAYBACK, "playback", is_shared=True)
#: A session plays each channel once; another playback of a channel needs a session of its own (DVRIP §10.1).
PLAYBACK_APART: Final = MediaKind(
    MessageId.PLAYBACK_CLAIM, MessageId.PLAYBACK, "playback", needs_own_session=True
)
#: Talk on a shared session freezes the video of some cameras (DVRIP §10.2).
TALK: Final = MediaKind(
    MessageId.TALK_CLAIM, MessageId.TALK, "talk", needs_own_session=True, begins_with_reply=True
)


class MediaPath:
    """A claimed data connection and the connection that commands it.

    Attributes:
        kind: what flows.
        control: where commands go.
        data: where media comes from; the same object as ``control`` in an own session.
    """

    def __init__(
        self,
        kind: MediaKind,
        control: Connection,
        data: Connection,
        *,
        on_release: Callable[[], None] | None = None,
    ) -> None:
        self.kind = kind
        self.control = control
        self.data = data
        self._on_release = on_release
        self._released = False

    @property
    def has_own_session(self) -> bool:
        """Whether the data connection has logged in itself."""
        return self.control is self.data

    async def start(self, body: Mapping[str, Any], started: "asyncio.Future[None]") -> None:
        """Send a Start and wait until ``started`` is done, which media does.

        Raises:
            DvripError: the device refused; the connection ended; ``first_media`` ran out.
        """
        loop = asyncio.get_running_loop()
        timeout = self.control.session.timeouts.first_media
        deadline = loop.time() + timeout
        pending = self.control.submit(self.kind.command, body, soft=True, label=f"start of {self.kind.label}")
        closed = self.data.closed
        waiting: set[asyncio.Future[Any]] = {pending.future, started, closed}
        try:
            while not started.done():
                left = deadline - loop.time()
                done, _ = await asyncio.wait(waiting, timeout=left, return_when=asyncio.FIRST_COMPLETED)
                if started.done():
                    break
                if closed in done:
                    raise closed.result() or ConnectionLost("the media connection was closed")
                if not done:
                    raise RequestTimeout("first_media", timeout, self.kind.label)
                if pending.future in done:
                    waiting.discard(pending.future)
                    _check_start(pending.future)
                    if self.kind.begins_with_reply:
                        return
        finally:
            pending.settle()

    async def command(self, body: Mapping[str, Any], label: str) -> None:
        """Send a command such as Pause.

        Raises:
            DvripError: it failed.
        """
        reply = await self.control.request(self.kind.command, body, label=label, soft=True)
        reply.check()

    def pause_reading(self) -> None:
        """Take no more media for now: TCP's own flow control throttles the device without loss (DVRIP §10.1)."""
        self.data.pause_reading()

    def resume_reading(self, *, proceed: bool) -> None:  # noqa: ARG002 - there is nothing to tell the device here
        """Take media again; ``proceed`` unless the device was told to pause by somebody else too."""
        self.data.resume_reading()

    async def release(self, stop: Mapping[str, Any] | None) -> None:
        """Send ``stop``, give the device the time to close the data connection, then close it.

        All of it takes no longer than ``release``. Does not raise for a device that is gone or says no: there is
        nothing left to do about it.
        """
        if self._released:
            return
        self._released = True
        until = asyncio.get_running_loop().time() + self.data.session.timeouts.release
        try:
            if stop is not None:
                await self._stop(stop)
        finally:
            try:
                await self._close_data(until, stopped=stop is not None)
            finally:
                if self._on_release is not None:
                    self._on_release()

    async def _stop(self, body: Mapping[str, Any]) -> None:
        timeout_s = self.control.session.timeouts.release
        label = f"stop of {self.kind.label}"
        # A device that is gone, silent or refusing changes nothing: the data connection is closed in any
        # case.
        with contextlib.suppress(DvripError):
            await self.control.request(self.kind.command, body, soft=True, timeout_s=timeout_s, label=label)

    async def _close_data(self, until: float, *, stopped: bool) -> None:
        if self.has_own_session:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout_at(until):
                    await self.data.logout()
        elif stopped and self.kind.device_closes:
            left_s = until - asyncio.get_running_loop().time()
            await asyncio.wait([self.data.closed], timeout=max(left_s, 0.0))
        await self.data.close()


def _check_start(future: "asyncio.Future[Any]") -> None:
    error = future.exception()
    if error is None:
        future.result().check()
    elif not isinstance(error, RequestTimeout):
        raise error  # a missing reply is no failure as long as media may come
