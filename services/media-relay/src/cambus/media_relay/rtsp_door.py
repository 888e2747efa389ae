"""Who comes to the RTSP port: clients of RTSP, or the halves of a tunnel through HTTP."""

import asyncio
from typing import cast

from cambus.media_relay.rtsp_connection import RtspConnection
from cambus.media_relay.rtsp_tunnel import OPENED, REFUSED, Half, Opening, Tunnels, Unarmour
from cambus.media_relay.viewer import Closed


class RtspDoor(asyncio.Protocol):
    """One connection, until it is known what it is for; halves of tunnels stay here.

    Both halves are connections of the server, with its limits and time-outs. The one that carries replies is the RTSP
    client; what comes by the other is handed to it.

    Args:
        connection: of this transport.
        tunnels: those that are open.
    """

    def __init__(self, connection: RtspConnection, tunnels: Tunnels[RtspConnection]) -> None:
        self._connection = connection
        self._tunnels = tunnels
        self._opening: Opening | None = Opening()
        self._unarmour = Unarmour()
        self._target: RtspConnection | None = None
        self._half: Half | None = None
        self._host = ""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the socket."""
        self._transport = cast(asyncio.Transport, transport)
        self._host = str(transport.get_extra_info("peername")[0])
        self._connection.connection_made(transport)

    def data_received(self, data: bytes) -> None:
        """Find out what this is; after that, the requests of a tunnel."""
        if self._opening is not None:
            told = self._opening.feed(data)
            if told is None:
                return
            self._opening = None
            self._half, data = told
            if self._half is None:
                self._transport.set_protocol(self._connection)
                self._connection.data_received(data)
                return
            self._open(self._half)
        if self._target is not None and data:
            self._hand_over(self._target, data)

    def eof_received(self) -> bool:
        """As with RTSP as ever: who is sent media may go on reading."""
        return self._half is not None and self._connection.eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        """This half has gone."""
        if self._half is not None and not self._half.posts:
            self._tunnels.close(self._host, self._half.cookie, self._connection)
        self._connection.connection_lost(exc)

    def _open(self, half: Half) -> None:
        if half.posts:
            self._target = self._tunnels.find(self._host, half.cookie)
            found = self._target is not None
        else:
            found = self._tunnels.open(self._host, half.cookie, self._connection)
        if not found:
            self._connection.greet(REFUSED)
            self._connection.close(Closed.ENDED)
        elif not half.posts:
            self._connection.greet(OPENED)

    def _hand_over(self, target: RtspConnection, data: bytes) -> None:
        try:
            requests = self._unarmour.feed(data)
        except ValueError:
            self._connection.close(Closed.ENDED)
            return
        if target.closed:
            self._connection.close(Closed.ENDED)
            return
        self._connection.heard()
        target.data_received(requests)
