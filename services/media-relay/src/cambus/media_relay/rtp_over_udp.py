"""RTP over UDP for all RTSP clients of one server: the ports, the pacing, a wire for each who plays."""

import asyncio
import socket
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from cambus.media_relay.datagrams import Address, Cutter, DatagramWire, kernel_cuts
from cambus.media_relay.pacer import Pacer, Pacing
from cambus.media_relay.rtp_ports import RtpPorts


@dataclass(frozen=True, slots=True)
class UdpOptions:
    """How RTP goes over UDP.

    Attributes:
        port: of RTP, even; 0 takes a free pair.
        pacing: how fast a viewer is sent to.
        source: the address players are told it comes from, None if that is where they connected to.
    """

    port: int = 0
    pacing: Pacing = field(default_factory=Pacing)
    source: str | None = None


class RtpOverUdp:
    """Open from the start of the RTSP server to its end.

    Args:
        options: see `UdpOptions`.
        addresses: family and address of each listening RTSP socket.

    Raises:
        OSError: the ports are taken.
    """

    def __init__(self, options: UdpOptions, addresses: Iterable[tuple[int, str]]) -> None:
        self._ports = RtpPorts.open(addresses, options.port)
        self._pacer = Pacer()
        self._cutter = Cutter(kernel_cuts())
        self._pacing = options.pacing
        self.source = options.source

    @property
    def numbers(self) -> tuple[int, int]:
        """The RTP and the RTCP port."""
        return self._ports.numbers

    def wire(
        self, transport: asyncio.BaseTransport, ports: Mapping[int, int], heard: Callable[[bytes], None]
    ) -> DatagramWire:
        """A wire to the client of an RTSP connection: nobody can have datagrams sent to somebody else.

        Args:
            transport: the connection.
            ports: the client's port for each channel; the odd ones are RTCP.
            heard: given the RTCP the client sends while the wire is open.
        """
        sock: socket.socket = transport.get_extra_info("socket")
        local, peer = transport.get_extra_info("sockname"), transport.get_extra_info("peername")
        sockets, source = self._ports.sockets(sock.family, local[0])
        places: dict[int, Address] = {channel: (peer[0], port, *peer[2:]) for channel, port in ports.items()}
        reporters = [place for channel, place in places.items() if channel % 2]

        def closed() -> None:
            for place in reporters:
                self._ports.forget(place, heard)

        for place in reporters:
            self._ports.listen(place, heard)
        return DatagramWire(
            sockets, places, self._pacer, self._pacing, cutter=self._cutter, source=source, on_close=closed
        )

    def close(self) -> None:
        """Close the ports."""
        self._pacer.close()
        self._ports.close()
