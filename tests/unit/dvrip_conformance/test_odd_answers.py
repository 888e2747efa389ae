"""Every operation, answered with members of the wrong type: a typed error or a result, and the session goes on."""

import asyncio

import pytest
from dvrip_fuzz import DeadSocket
from dvrip_operations import OPERATIONS

from cambus.dvrip.connection import Connection
from cambus.dvrip.errors import ConnectionLost, DvripError
from cambus.dvrip.messages.registration import RegistrationLogin
from cambus.dvrip.payload import decode_body, encode_body
from cambus.dvrip.registered import RegisteredDevice
from cambus.dvrip.session import ClientSession
from cambus.dvrip.wire import PacketReader, serialize

SID = 0x57
MANY = 200

#: What needs a connection for media has none here, and nobody speaks on the serial line.
ASKED = {
    name: each
    for name, each in OPERATIONS.items()
    if not name.startswith(("open_", "transfers.", "serial.open"))
}


class OddDevice(DeadSocket):
    """Answers every request at once; its name, code or value is ``odd``."""

    def __init__(self, connection, member, odd):
        super().__init__(connection)
        self.member, self.odd = member, odd
        self.requests = PacketReader()
        self.asked = 0

    def write(self, data):
        for header, payload in self.requests.receive_data(bytes(data)):
            self.asked += 1
            name = decode_body(payload).get("Name", "") if payload[:1] == b"{" else ""
            body = {"Name": name, "Ret": 100, "SessionID": "0x57", str(name): {}}
            body[{"value": str(name)}.get(self.member, self.member)] = self.odd
            asyncio.get_running_loop().call_soon(self._answer, header, encode_body(body))

    def _answer(self, header, body):
        answer = serialize(header.message_id + 1, body, version=1, session_id=SID, sequence=header.sequence)
        if not self.closing:
            buffer = self.protocol.get_buffer(-1)
            buffer[: len(answer)] = answer
            self.protocol.buffer_updated(len(answer))


def odd_device(member, odd):
    """Our side of a session with such a device."""
    session = ClientSession()
    session.adopt(SID, asyncio.get_running_loop().time())
    connection = Connection(session)
    device = RegisteredDevice(
        RegistrationLogin.parse({"DeviceID": 1}),
        "192.0.2.1",
        expect=lambda claim: None,
        forget=lambda claim: None,
        claim_within_s=0.01,
        check_address=True,
    )
    device.begin(connection)
    odd_one = OddDevice(connection, member, odd)
    connection.connection_made(odd_one)
    return device, connection, odd_one


@pytest.mark.parametrize("member", ["Name", "Ret", "SessionID", "value"])
@pytest.mark.parametrize(
    "odd", [None, True, -1, 1e308, 2**70, "", "\x00", [], [[]], [{}], {}, {"": []}], ids=str
)
async def test_members_of_the_wrong_type_break_nothing(member, odd):
    device, connection, odd_one = odd_device(member, odd)
    for name, ask in ASKED.items():
        try:
            await ask(device)
        except ConnectionLost as error:
            pytest.fail(f"{name} lost the session: {error}")
        except (DvripError, ValueError):  # ValueError: the table's own, about what it did not find
            pass
        assert not connection.is_closed, name
    assert odd_one.asked > len(ASKED) / 2
    connection.abort(DvripError("over"))
