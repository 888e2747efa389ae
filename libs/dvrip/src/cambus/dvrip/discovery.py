"""Finding devices on the network and giving them an address (DVRIP §15), by UDP broadcast in clear text.

Nothing here runs by itself: a search is asked for, and setting an address needs a confirmation.
"""

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from cambus.dvrip.codes import ReturnCode
from cambus.dvrip.errors import FramingError, MalformedPayload, Refused, TransportError, error_for_code
from cambus.dvrip.ids import MessageId
from cambus.dvrip.messages.bodies import return_code
from cambus.dvrip.password import hash_password
from cambus.dvrip.payload import decode_body
from cambus.dvrip.values import as_object, parse_address, parse_number
from cambus.dvrip.wire import HEADER_SIZE, Header, serialize

PORT: Final = 34569
PROBES: Final = 3
PROBE_EVERY_S: Final = 0.1
LISTEN_S: Final = 2.0
SET_ATTEMPTS: Final = 3
SET_WAIT_S: Final = 3.0
MAX_DEVICES: Final = 4096

Address = tuple[str, int]


@dataclass(frozen=True, slots=True)
class DiscoveredDevice:
    """What a device says about itself; anything may be missing.

    Attributes:
        mac: its identity, with the serial number as a second.
        serial: serial number.
        host: the address it claims.
        port: its TCP port.
        name: host name.
        channels: how many.
        version: firmware.
        source: where the datagram came from; no more to be trusted than ``host``.
        raw: as received.
    """

    mac: str
    serial: str
    host: str
    port: int
    name: str
    channels: int
    version: str
    source: str
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @property
    def identity(self) -> str:
        """What tells it from others."""
        return self.mac.lower() or self.serial or f"{self.host or self.source}:{self.port}"

    @property
    def is_elsewhere(self) -> bool:
        """Whether it claims another address than it sends from."""
        return bool(self.host) and self.host != self.source

    def completed_by(self, later: "DiscoveredDevice") -> "DiscoveredDevice":
        """This device with what it left out and a later datagram of its says."""
        said = {key: value for key, value in self.raw.items() if value not in ("", None)}
        raw = {**self.raw, **later.raw, **said}
        return self if raw == self.raw else self._of(raw, self.source)

    @classmethod
    def parse(cls, datagram: bytes, source: str) -> "DiscoveredDevice | None":
        """Read a 1531; None for anything else, own probes included."""
        try:
            header = Header.parse(datagram)
            if header.message_id != MessageId.IP_SEARCH + 1:
                return None
            body = decode_body(datagram[HEADER_SIZE : HEADER_SIZE + header.length])
        except (FramingError, MalformedPayload):
            return None
        raw = as_object(body.get("NetWork.NetCommon"))
        return cls._of(raw, source) if raw else None

    @classmethod
    def _of(cls, raw: Mapping[str, Any], source: str) -> "DiscoveredDevice":
        return cls(
            mac=str(raw.get("MAC", "")),
            serial=str(raw.get("SN", "")),
            host=parse_address(raw.get("HostIP")),
            port=parse_number(raw.get("TCPPort"), 34567),
            name=str(raw.get("HostName", "")),
            channels=parse_number(raw.get("ChannelNum")),
            version=str(raw.get("Version", "")),
            source=source,
            raw=raw,
        )


def probe() -> bytes:
    """The search datagram: a header and nothing else."""
    return serialize(MessageId.IP_SEARCH)


@dataclass(frozen=True, slots=True)
class AddressChange:
    """A new address for the device with this MAC.

    Attributes:
        device: what the search found.
        host: dotted.
        netmask: dotted.
        gateway: dotted.
        user: an account of the device.
        password: its password.
    """

    device: DiscoveredDevice
    host: str
    netmask: str
    gateway: str
    user: str
    password: str = field(repr=False)

    def datagram(self) -> bytes:
        """The 1532: reserved bytes ``fe 00``, keys sorted, the spacing devices expect."""
        kept = (
            "HostName",
            "HttpPort",
            "MaxBps",
            "MonMode",
            "SSLPort",
            "TCPMaxConn",
            "TCPPort",
            "TransferPlan",
        )
        body = {
            key: self.device.raw[key] for key in (*kept, "UDPPort", "UseHSDownLoad") if key in self.device.raw
        }
        body |= {
            "DvrMac": self.device.mac,
            "EncryptType": 1,
            "GateWay": _hex_address(self.gateway),
            "HostIP": _hex_address(self.host),
            "MAC": self.device.mac,
            "Password": hash_password(self.password),
            "Submask": _hex_address(self.netmask),
            "Username": self.user,
        }
        text = json.dumps(body, sort_keys=True, ensure_ascii=False, separators=(", ", " : "))
        text = "{ " + text[1:-1] + " }"
        return serialize(MessageId.IP_SET, text.encode() + b"\n\x00", stream=0xFE)


def _hex_address(dotted: str) -> str:
    try:
        octets = bytes(int(part) for part in dotted.split("."))
    except ValueError:
        octets = b""
    if len(octets) != 4:
        raise Refused("out_of_range", f"{dotted!r} is no IPv4 address")
    return f"0x{int.from_bytes(octets, 'little'):08X}"


async def discover(
    targets: Sequence[Address] = (("255.255.255.255", PORT),),
    bind: Address = ("0.0.0.0", PORT),  # noqa: S104 - answers are broadcast
    listen_s: float = LISTEN_S,
) -> list[DiscoveredDevice]:
    """Search: three probes, then listen; each device once, unprompted announcements included.

    What a later answer says fills in what an earlier one left out.

    Args:
        targets: broadcast or unicast addresses.
        bind: where answers arrive; devices answer to port 34569.
        listen_s: how long to listen after the last probe.

    Raises:
        TransportError: the socket cannot be had.
    """
    found: dict[str, DiscoveredDevice] = {}

    def take(datagram: bytes, source: Address) -> None:
        device = DiscoveredDevice.parse(datagram, source[0])
        if device is None:
            return
        known = found.get(device.identity)
        if known is not None:
            found[device.identity] = known.completed_by(device)
        elif len(found) < MAX_DEVICES:
            found[device.identity] = device

    transport = await _open(bind, take)
    try:
        for _ in range(PROBES):
            for target in targets:
                transport.sendto(probe(), target)
            await asyncio.sleep(PROBE_EVERY_S)
        await asyncio.sleep(listen_s)
    finally:
        transport.close()
    return list(found.values())


async def set_address(
    change: AddressChange,
    target: Address = ("255.255.255.255", PORT),
    bind: Address = ("0.0.0.0", PORT),  # noqa: S104 - answers are broadcast
    wait_s: float = SET_WAIT_S,
    *,
    confirm: bool = False,
) -> bool:
    """Give a device another address; True when it said yes, False when it said nothing (search again to see).

    The password hash travels in clear text to everybody on the network.

    Raises:
        Refused: not confirmed.
        DvripError: the device refused, e.g. a wrong password.
        TransportError: the socket cannot be had.
    """
    if not confirm:
        raise Refused("confirm_required", "setting an address needs an explicit confirmation")
    answer: asyncio.Future[int | None] = asyncio.get_running_loop().create_future()

    def take(datagram: bytes, source: Address) -> None:  # noqa: ARG001 - any source may answer for the device
        try:
            header = Header.parse(datagram)
            if header.message_id == MessageId.IP_SET + 1 and not answer.done():
                answer.set_result(return_code(decode_body(datagram[HEADER_SIZE:])))
        except (FramingError, MalformedPayload):
            return

    transport = await _open(bind, take)
    try:
        for _ in range(SET_ATTEMPTS):
            transport.sendto(change.datagram(), target)
            done, _ = await asyncio.wait([answer], timeout=wait_s / SET_ATTEMPTS)
            if done:
                break
    finally:
        transport.close()
    if not answer.done():
        return False
    code = answer.result()
    if code not in (None, ReturnCode.OK):
        raise error_for_code(code, "setting the address")
    return True


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, take: Callable[[bytes, Address], None]) -> None:
        self._take = take

    def datagram_received(self, data: bytes, addr: Address) -> None:
        self._take(data, addr)


async def _open(bind: Address, take: Callable[[bytes, Address], None]) -> asyncio.DatagramTransport:
    loop = asyncio.get_running_loop()
    try:
        transport, _ = await loop.create_datagram_endpoint(
            lambda: _Datagrams(take), local_addr=bind, allow_broadcast=True, reuse_port=bind[1] != 0 or None
        )
    except OSError as error:
        raise TransportError(f"cannot use UDP port {bind[1]}: {error.strerror}") from error
    return transport
