"""A simulated camera that publishes: it pushes its streams to a server, by RTSP or RTMP, again and again.

::

    async with PublishingCamera("rtsp://127.0.0.1:8564/live/stage", user="demo", password=…) as camera:
        await camera.wait_for(lambda: camera.pushing == 2)      # main and sub
"""

import asyncio
import ssl
from collections.abc import Callable, Coroutine
from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import quote, urlsplit

from cambus.rtmp import RtmpError
from cambus.rtsp.client_errors import ClientError
from cambus.rtsp.client_url import parse_source
from cambus.rtsp.login import Login
from cambus.simulators.rtsp.announcing import Announcing, connected
from cambus.simulators.rtsp.quirks import Quirks
from cambus.simulators.rtsp.rtmp_push import RtmpPush
from cambus.simulators.rtsp.source import MediaPlan, StreamSource
from cambus.simulators.video_loop import LoopStore, VideoLoop
from cambus.simulators.watch import Watch

RETRY_S: Final = 1.0
MOST_RETRY_S: Final = 15.0
OPEN_S: Final = 15.0
LOOK_S: Final = 0.02
_PORTS: Final = {"rtsp": 554, "rtsps": 322, "rtmp": 1935, "rtmps": 443}
_READ_BYTES: Final = 65536
_FAILURES = (OSError, EOFError, ClientError, RtmpError, TimeoutError)


class PublishingCamera:
    """A camera or an encoder of several channels, behind a NAT for example.

    Args:
        url: where it pushes its main stream, `rtsp`, `rtsps`, `rtmp` or `rtmps`; the sub stream goes to `…/sub`, and
            those of several channels to `…/0`, `…/0/sub`, `…/1` and so on. No credentials in it.
        user: its account; of RTMP the password alone is shown, as the last part of the name.
        password: see above.
        channels: how many.
        media: what its streams look like.
        quirks: what it does wrong: of its sound and its packets.
        trust: certificates it believes, None for those the system does.

    Attributes:
        attempts: connections it has made.
        last_error: why the last one ended.

    Raises:
        ValueError: the URL is none it can push to.
    """

    def __init__(
        self,
        url: str,
        *,
        user: str,
        password: str,
        channels: int = 1,
        media: MediaPlan | None = None,
        quirks: Quirks | None = None,
        trust: ssl.SSLContext | None = None,
    ) -> None:
        self.quirks = quirks if quirks is not None else Quirks()
        self.attempts = 0
        self.last_error = ""
        self._url = url.rstrip("/")
        self._user, self._password = user, password
        self._channels = channels
        self._media = media or MediaPlan()
        self._rtmp = urlsplit(url).scheme in {"rtmp", "rtmps"}
        self._trust = trust
        self._check()
        self._pushing: set[asyncio.StreamWriter] = set()
        self._tasks: list[asyncio.Task[None]] = []
        self._watch = Watch()

    async def __aenter__(self) -> Self:
        self._tasks = [
            asyncio.create_task(self._keep_pushing(channel, stream), name=f"push {channel} {stream}")
            for channel in range(self._channels)
            for stream in ("main", "sub")
        ]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    @property
    def pushing(self) -> int:
        """How many of its streams a server takes."""
        return len(self._pushing)

    def reboot(self) -> None:
        """As far as the server can tell: all connections break, and come back."""
        for each in self._pushing:
            each.transport.abort()

    async def wait_for(self, predicate: Callable[[], bool], timeout_s: float = 60.0) -> None:
        """Wait until something holds. Raises TimeoutError."""
        await self._watch.until(predicate, timeout_s, look_s=LOOK_S)

    def state(self) -> dict[str, Any]:
        """What is to be seen of it, for control."""
        return {
            "publishes_to": self._url,
            "channels": self._channels,
            "pushing": self.pushing,
            "attempts": self.attempts,
            "last_error": self.last_error,
            "quirks": self.quirks.as_json(),
        }

    def _check(self) -> None:
        parts = urlsplit(self._url)
        if not self._rtmp:
            parse_source(self._url)
        elif not parts.hostname or "@" in parts.netloc or parts.path.count("/") < 2:
            raise ValueError("wanted rtmp://HOST[:PORT]/APP/NAME, without credentials")

    def _where(self, channel: int, stream: str) -> str:
        """The URL of a stream."""
        parts = [self._url]
        if self._channels > 1:
            parts.append(str(channel))
        return "/".join([*parts, "sub"] if stream == "sub" else parts)

    async def _keep_pushing(self, channel: int, stream: str) -> None:
        url, patience = self._where(channel, stream), _Patience()
        loop = await asyncio.wrap_future(LoopStore.shared.future(self._media.spec(channel + 1, stream)))
        while True:
            self.attempts += 1
            try:
                await self._push(url, loop, patience)
            except _FAILURES as error:
                self.last_error = f"{type(error).__name__}: {error}"
            await asyncio.sleep(patience.next_s())

    async def _push(self, url: str, loop: VideoLoop, patience: "_Patience") -> None:
        """Push one stream until that fails."""
        parts = urlsplit(url)
        secure = parts.scheme in {"rtsps", "rtmps"}
        tls = (self._trust or ssl.create_default_context()) if secure else None
        usual = _PORTS[parts.scheme]
        async with connected(parts.hostname or "", parts.port or usual, tls) as (reader, writer):
            push = self._made(url, loop, reader, writer)
            async with asyncio.timeout(OPEN_S):
                await push.open()
            patience.succeeded()
            self._pushing.add(writer)
            self._watch.changed()
            try:
                await _either(push.push(), _drain(reader))
            finally:
                self._pushing.discard(writer)
                self._watch.changed()

    def _made(
        self, url: str, loop: VideoLoop, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> Announcing | RtmpPush:
        if not self._rtmp:
            login = Login(self._user, self._password)
            return Announcing(reader, writer, url, login, StreamSource(loop, self.quirks))
        app, _, name = urlsplit(url).path.strip("/").partition("/")
        return RtmpPush(reader, writer, app, f"{name}/{quote(self._password, safe='')}", loop)


class _Patience:
    """How long to wait for the next attempt: longer each time, until one succeeds."""

    def __init__(self) -> None:
        self._s = RETRY_S

    def next_s(self) -> float:
        waited, self._s = self._s, min(2 * self._s, MOST_RETRY_S)
        return waited

    def succeeded(self) -> None:
        self._s = RETRY_S


async def _drain(reader: asyncio.StreamReader) -> None:
    """Read what nobody needs. Raises ConnectionResetError at the end of the connection."""
    while await reader.read(_READ_BYTES):
        pass
    raise ConnectionResetError("the server has closed the connection")


async def _either(*works: Coroutine[Any, Any, None]) -> None:
    """Do all of it until one fails."""
    tasks = [asyncio.ensure_future(work) for work in works]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    for task in done:
        task.result()
