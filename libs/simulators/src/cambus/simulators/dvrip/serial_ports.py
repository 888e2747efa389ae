"""Serial ports behind the transparent channel (DVRIP §7.7, 1570-1583): what is written comes back."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from cambus.dvrip.codes import ReturnCode
from cambus.dvrip.device_backend import Request
from cambus.dvrip.device_sessions import Session
from cambus.dvrip.device_wire import BytesReply, Reply
from cambus.dvrip.ids import MessageId
from cambus.simulators.dvrip.answers import Handler, answer

if TYPE_CHECKING:
    from cambus.simulators.dvrip.device import SimulatedDevice

_DATA_IDS: Final = {MessageId.RS485_DATA: "RS485", MessageId.RS232_DATA: "RS232"}
_MAX_WRITE: Final = 1024
_KEPT: Final = 64 * 1024


class SerialPorts:
    """RS232 and RS485, each with a device at the far end that echoes.

    Attributes:
        owner: the session that opened a port's transparent channel, by port.
        written: the last bytes written, by port.
    """

    def __init__(self, device: "SimulatedDevice") -> None:
        self._device = device
        self.owner: dict[str, Session] = {}
        self.written: dict[str, bytearray] = {"RS232": bytearray(), "RS485": bytearray()}

    def handlers(self) -> Mapping[int, Handler]:
        """The operations answered here."""
        return {
            MessageId.TRANSPARENT_CHANNEL: self._transparent,
            MessageId.RS485_DATA: self._data,
            MessageId.RS232_DATA: self._data,
            MessageId.RS232_READ: lambda _: self._read("RS232"),
            MessageId.RS485_READ: lambda _: self._read("RS485"),
            MessageId.RS232_WRITE: lambda request: self._write("RS232", request.payload),
            MessageId.RS485_WRITE: lambda request: self._write("RS485", request.payload),
        }

    def session_closed(self, session: Session) -> None:
        """A port whose opener is gone is free."""
        self.owner = {port: owner for port, owner in self.owner.items() if owner is not session}

    def _transparent(self, request: Request) -> Reply | int:
        section = request.section("TransparentComm")
        port, action = str(section.get("Type", "")), str(section.get("Action", ""))
        if port not in self.written or action not in {"Open", "Close"}:
            return ReturnCode.BAD_INPUT
        owner = self.owner.get(port)
        if owner is not None and owner is not request.session:
            return ReturnCode.IN_USE
        if action == "Open":
            self.owner[port] = request.session
        else:
            self.owner.pop(port, None)
        return answer("TransparentComm")

    def _data(self, request: Request) -> int | None:
        port = _DATA_IDS[MessageId(request.message_id)]
        if self.owner.get(port) is not request.session:
            return ReturnCode.ILLEGAL_REQUEST
        if self._write(port, request.payload) == ReturnCode.OK:
            self._device.role.push_bytes(
                request.session, request.message_id, request.payload, request.connection
            )
        return None

    def _read(self, port: str) -> Reply:
        return BytesReply(((bytes(self.written[port][-_MAX_WRITE:]), False),))

    def _write(self, port: str, data: bytes) -> int:
        if len(data) > _MAX_WRITE:
            return ReturnCode.BAD_INPUT
        self.written[port] += data
        del self.written[port][:-_KEPT]
        return ReturnCode.OK
