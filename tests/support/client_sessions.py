"""A client session without a socket, and packets for it."""

from cambus.dvrip.payload import encode_body
from cambus.dvrip.profile import Credentials, Profile
from cambus.dvrip.session import ClientSession
from cambus.dvrip.session_state import State
from cambus.dvrip.wire import Packet, PacketReader, serialize

ADMIN = Credentials("admin", "admin")


SID = 0x57


LOGIN_OK = {
    "AliveInterval": 20,
    "ChannelNum": 8,
    "DeviceType ": "HVR",
    "ExtraChannel": 0,
    "Ret": 100,
    "SessionID": "0x00000057",
}


def sent(session: ClientSession) -> list[Packet]:
    return PacketReader().receive_data(session.data_to_send())


def packet(message_id: int, body=None, *, sid: int = SID, sequence: int = 0) -> bytes:
    payload = body if isinstance(body, bytes) else encode_body(body or {})
    return serialize(message_id, payload, session_id=sid, sequence=sequence, version=1)


def online(profile: Profile | None = None, **login) -> ClientSession:
    session = ClientSession(profile)
    session.login(ADMIN, 0.0)
    session.receive_data(packet(1001, {**LOGIN_OK, **login}), 0.0)
    session.data_to_send()
    session.events_received()
    assert session.state is State.ONLINE
    return session
