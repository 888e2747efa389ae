"""Search and address setting over UDP (DVRIP §15): one responder for all devices of a process."""

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from cambus.dvrip.codes import ReturnCode
from cambus.dvrip.device_wire import TAILS
from cambus.dvrip.errors import FramingError, MalformedPayload, TransportError
from cambus.dvrip.ids import MessageId, reply_id
from cambus.dvrip.payload import decode_body, encode_body, strip_tail
from cambus.dvrip.values import as_object, format_address
from cambus.dvrip.wire import HEADER_SIZE, Header, serialize

if TYPE_CHECKING:
    from cambus.simulators.dvrip.simulator import DvripSimulator

#: What 1532 may change in NetWork.NetCommon.
_SETTABLE: Final = [
    "GateWay",
    "HostIP",
    "HostName",
    "HttpPort",
    "MaxBps",
    "MonMode",
    "SSLPort",
    "Submask",
    "TCPMaxConn",
    "TCPPort",
    "TransferPlan",
    "UDPPort",
    "UseHSDownLoad",
]


class DiscoveryResponder(asyncio.DatagramProtocol):
    """Answers searches (1530) for every device, and sets the address (1532) of the one whose MAC is given.

    Attributes:
        searches: searches answered.
        ignored: datagrams that were neither.
    """

    def __init__(self, devices: Sequence["DvripSimulator"]) -> None:
        self.searches = 0
        self.ignored = 0
        self._devices = list(devices)
        self._transport: asyncio.DatagramTransport | None = None

    async def start(self, host: str, port: int) -> None:
        """Bind.

        Raises:
            TransportError: the address cannot be had.
        """
        loop = asyncio.get_running_loop()
        try:
            self._transport, _ = await loop.create_datagram_endpoint(lambda: self, local_addr=(host, port))
        except OSError as error:
            raise TransportError(f"cannot bind UDP {host}:{port}: {error.strerror}") from None

    @property
    def port(self) -> int:
        """The port bound."""
        if self._transport is None:
            raise TransportError("the discovery responder was not started")
        return int(self._transport.get_extra_info("sockname")[1])

    def close(self) -> None:
        """Stop answering."""
        if self._transport is not None:
            self._transport.close()

    def datagram_received(self, data: bytes, addr: Any) -> None:
        """A datagram came."""
        try:
            header = Header.parse(data)
            body = decode_body(data[HEADER_SIZE:])
        except (FramingError, MalformedPayload):
            self.ignored += 1
            return
        if header.message_id == MessageId.IP_SEARCH:
            self.searches += 1
            for device in self._devices:
                self._send(reply_id(MessageId.IP_SEARCH), self._found(device), addr, device)
        elif header.message_id == MessageId.IP_SET:
            self._set(body, addr)
        else:
            self.ignored += 1

    def _found(self, device: "DvripSimulator") -> dict[str, Any]:
        common = as_object(device.device.config.find("NetWork.NetCommon")).copy()
        common |= {
            "ChannelNum": device.device.channels,
            "DeviceType": 1,
            "HostIP": format_address(device.host),
            "NetConnectState": 0,
            "OtherFunction": "",
            "SN": device.device.identity.serial,
            "TCPPort": device.port,
        }
        return {"NetWork.NetCommon": common, "Ret": int(ReturnCode.OK), "SessionID": "0x00000000"}

    def _set(self, body: dict[str, Any], addr: Any) -> None:
        for device in self._devices:
            if str(body.get("DvrMac", "")).lower() != device.device.identity.mac.lower():
                continue
            user, secret = str(body.get("Username", "")), str(body.get("Password", ""))
            code = device.device.accounts.check(user, secret, "MD5")
            if code == ReturnCode.OK:
                changes = {key: body[key] for key in _SETTABLE if key in body}
                device.device.config.set("NetWork.NetCommon", changes)
                device.address_written()
            else:
                code = ReturnCode.WRONG_PASSWORD
            self._send(reply_id(MessageId.IP_SET), {"Ret": int(code)}, addr, device)

    def _send(self, message_id: int, body: dict[str, Any], addr: Any, device: "DvripSimulator") -> None:
        payload = strip_tail(encode_body(body)) + TAILS[device.quirks.tail]
        if self._transport is not None:
            self._transport.sendto(serialize(message_id, payload, version=1), addr)
