"""One stream pushed by RTSP: ANNOUNCE, SETUP, RECORD, then packets in the connection (RFC 2326 §10.3, §10.11)."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from typing import Final

from cambus.rtsp.exchange import Answer, Exchange
from cambus.rtsp.login import Login
from cambus.rtsp.record_states import RecordMethod
from cambus.rtsp.status import Status
from cambus.simulators.rtsp.source import StreamSource

_READ_BYTES: Final = 65536
_MAX_UNSENT: Final = 1 << 20

Headers = list[tuple[str, str]]


class PushRefusedError(ConnectionError):
    """The server does not take the stream."""


@contextlib.asynccontextmanager
async def connected(
    host: str, port: int, tls: ssl.SSLContext | None
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A connection, closed at the end."""
    reader, writer = await asyncio.open_connection(host, port, ssl=tls)
    try:
        yield reader, writer
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


class Announcing:
    """A stream on its way by RTSP; `open`, then `push` for ever.

    Args:
        reader, writer: the connection.
        url: where it goes.
        login: the account.
        feed: the packets.
    """

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        url: str,
        login: Login,
        feed: StreamSource,
    ) -> None:
        self._reader, self._writer = reader, writer
        self._url = url
        self._dialog = Exchange(login)
        self._feed = feed
        self._session: Headers = []

    async def open(self) -> None:
        """Have the server take it.

        Raises:
            RtspError: it does not let us in.
            OSError: it does not take it, or is gone.
        """
        tracks = ("track0", "track1")
        sdp = self._feed.description(tracks).encode()
        await self._ask(RecordMethod.ANNOUNCE, self._url, [("Content-Type", "application/sdp")], sdp)
        for number, track in enumerate(tracks[: 1 if self._feed.sound is None else 2]):
            channels = f"{2 * number}-{2 * number + 1}"
            transport = f"RTP/AVP/TCP;unicast;interleaved={channels};mode=record"
            answer = await self._ask(
                RecordMethod.SETUP, f"{self._url}/{track}", [*self._session, ("Transport", transport)]
            )
            self._session = [("Session", answer.headers.get("session", "").partition(";")[0])]
        await self._ask(RecordMethod.RECORD, self._url, [*self._session, ("Range", "npt=0.000-")])

    async def push(self) -> None:
        """Send packets in their time. Raises OSError when the server is gone."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        while True:
            for each in self._feed.next():
                await asyncio.sleep(max(began + each.at_s - loop.time(), 0))
                if self._writer.transport.get_write_buffer_size() < _MAX_UNSENT:
                    channel = 2 * each.track + each.rtcp
                    self._writer.write(
                        b"$" + bytes((channel,)) + len(each.data).to_bytes(2, "big") + each.data
                    )
            if self._writer.is_closing():
                raise ConnectionResetError("the server has closed the connection")

    async def _ask(self, method: RecordMethod, url: str, headers: Headers, body: bytes = b"") -> Answer:
        now = asyncio.get_running_loop().time
        self._dialog.send(method, url, now(), headers, body=body)
        while True:
            for chunk in self._dialog.data_to_send():
                self._writer.write(chunk)
            data = await self._reader.read(_READ_BYTES)
            if not data:
                raise ConnectionResetError("the server has closed the connection")
            for found in self._dialog.receive_data(data, now()):
                if isinstance(found, Answer):
                    if found.status != Status.OK:
                        raise PushRefusedError(f"{method} is answered {found.status}")
                    return found
