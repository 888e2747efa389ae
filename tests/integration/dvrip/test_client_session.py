"""Login, requests, loss and shutdown of a dialling client."""

import asyncio

import pytest

from cambus.dvrip.client import DvripClient
from cambus.dvrip.codes import AuthReason
from cambus.dvrip.errors import (
    AuthError,
    ConnectionLimit,
    ConnectionLost,
    DeviceError,
    EncryptedUnsupported,
    FramingError,
    MalformedPayload,
    Refused,
    RequestTimeout,
    TransportError,
    Unsupported,
)
from cambus.dvrip.payload import decode_body
from cambus.dvrip.profile import Credentials, Profile
from cambus.dvrip.wire import serialize


async def test_login_gives_what_the_device_said(scripted, make_client):
    reply = await make_client().connect()
    assert (reply.channels, reply.device_type, reply.alive_interval_s) == (4, "HVR", 20)
    login = await scripted.hears(1000)
    assert login.body["UserName"] == "admin"


async def test_a_wrong_password_is_reported_with_its_reason(scripted, make_client):
    scripted.on[1000] = lambda message: message.reply({"Ret": 203})
    client = make_client()
    with pytest.raises(AuthError) as caught:
        await client.connect()
    assert caught.value.reason is AuthReason.BAD_PASSWORD
    assert len(scripted.messages(1000)) == 1
    assert client.budget.used == 0


async def test_nobody_listening_is_a_transport_error():
    server = await asyncio.start_server(lambda r, w: None, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    server.close()
    await server.wait_closed()
    client = DvripClient("127.0.0.1", port, credentials=Credentials("a", "b"))
    with pytest.raises(TransportError):
        await client.connect()


async def test_a_close_right_after_connect_is_a_connection_limit(scripted, make_client):
    scripted.on_connect = lambda peer: peer.close()
    with pytest.raises(ConnectionLimit):
        await make_client().connect()


@pytest.mark.parametrize("code", [122, 123])
async def test_122_and_123_at_login_are_a_connection_limit(scripted, make_client, code):
    scripted.on[1000] = lambda message: message.reply({"Ret": code})
    with pytest.raises(ConnectionLimit) as caught:
        await make_client().connect()
    assert caught.value.code == code


async def test_a_login_without_an_answer_names_its_timeout(scripted, make_client):
    scripted.on[1000] = lambda message: None
    with pytest.raises(RequestTimeout) as caught:
        await make_client(login=0.1).connect()
    assert caught.value.name == "login"


async def test_an_encrypted_device_gets_one_claim_first_attempt_and_no_more(scripted, make_client):
    scripted.on[1000] = lambda message: message.reply(b"bm90IGpzb24gYXQgYWxsLi4u")
    with pytest.raises(EncryptedUnsupported):
        await make_client().connect()
    assert scripted.ids() == [1000, 1413, 1000]


async def test_a_device_that_needs_a_claim_before_the_login_gets_it(scripted, make_client):
    claimed = []
    scripted.on[1413] = lambda message: claimed.append(message.peer)

    def login(message):
        if message.peer in claimed:
            scripted.accept_login(message)
        else:
            message.reply(b"AAAA")

    scripted.on[1000] = login
    client = make_client()
    await client.connect()
    assert client.is_online


async def test_a_client_is_one_session(client):
    with pytest.raises(Refused):
        await client.connect()


async def test_requests_of_many_tasks_are_answered_in_turn(scripted, client):
    scripted.on[1020] = lambda message: message.reply({"v": message.body["Name"]})
    replies = await asyncio.gather(*(client.request(1020, {"Name": str(i)}) for i in range(40)))
    assert [reply.body["v"] for reply in replies] == [str(i) for i in range(40)]
    assert [message.body["Name"] for message in scripted.messages(1020)] == [str(i) for i in range(40)]


async def test_cancelling_a_caller_does_not_give_its_reply_to_the_next(scripted, client, deadline):
    held = []
    scripted.on[1020] = held.append
    first = asyncio.create_task(client.request(1020, {"Name": "first"}))
    await scripted.hears(1020)
    second = asyncio.create_task(client.request(1020, {"Name": "second"}))
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    assert len(scripted.messages(1020)) == 1
    held[0].reply()
    message = await scripted.hears(1020, 2)
    message.reply()
    async with deadline():
        assert (await second).body["Name"] == "second"


async def test_a_timeout_drops_the_connection_and_a_late_reply_is_lost(scripted, make_client, deadline):
    held = []
    scripted.on[1020] = held.append
    client = make_client(request=0.1)
    await client.connect()
    with pytest.raises(RequestTimeout) as caught:
        await client.system.query("SystemInfo")
    assert (caught.value.name, caught.value.request) == ("request", "SystemInfo")
    held[0].reply()
    async with deadline():
        assert isinstance(await client.wait_closed(), RequestTimeout)
    with pytest.raises(Refused):
        await client.request(1020, {})
    async with deadline():
        await scripted.peers[0].closed.wait()


async def test_a_failure_code_is_a_device_error_with_number_text_and_request(scripted, client):
    scripted.on[1400] = lambda message: message.reply({"Ret": 118})
    with pytest.raises(DeviceError) as caught:
        await client.ptz.goto_preset(0, 1)
    assert caught.value.code == 118
    assert "PTZ" in str(caught.value)
    scripted.on[1020] = lambda message: message.reply({"Ret": 102})
    with pytest.raises(Unsupported):
        await client.system.query("Nothing")


async def test_a_malformed_reply_fails_its_request_alone(scripted, client):
    scripted.on[1020] = lambda message: message.reply(b"[" * 10_000)
    with pytest.raises(MalformedPayload):
        await client.system.info()
    del scripted.on[1020]
    assert (await client.request(1020, {})).code == 100


@pytest.mark.parametrize("how", ["close", "abort", "half"])
async def test_the_end_of_the_connection_fails_what_is_in_flight(scripted, client, deadline, how):
    scripted.on[1020] = lambda message: {
        "close": message.peer.close,
        "abort": message.peer.abort,
        "half": message.peer.writer.write_eof,
    }[how]()
    with pytest.raises(ConnectionLost):
        await client.request(1020, {})
    async with deadline():
        assert isinstance(await client.wait_closed(), ConnectionLost)
    assert not client.is_online


async def test_lost_framing_closes_the_connection(scripted, client, deadline):
    scripted.peers[0].send_raw(b"\x00")
    async with deadline():
        assert isinstance(await client.wait_closed(), FramingError)
        await scripted.peers[0].closed.wait()


async def test_silent_keepalives_end_the_session(scripted, make_client, deadline):
    scripted.login_body["AliveInterval"] = 1
    scripted.on[1006] = lambda message: None
    client = make_client(keepalive=0.05)
    await client.connect()
    async with deadline():
        error = await client.wait_closed()
    assert isinstance(error, ConnectionLost)
    assert len(scripted.messages(1006)) == 2


async def test_keepalives_leave_while_a_request_waits(scripted, make_client):
    scripted.login_body["AliveInterval"] = 1
    scripted.on[1020] = lambda message: None
    client = make_client()
    await client.connect()
    request = asyncio.create_task(client.request(1020, {}))
    await scripted.hears(1006)
    assert not request.done()
    (await scripted.hears(1020)).reply()
    await request


async def test_a_session_the_device_forgot_is_an_auth_error(scripted, client):
    scripted.on[1020] = lambda message: message.reply({"Ret": 105})
    with pytest.raises(AuthError) as caught:
        await client.system.info()
    assert caught.value.reason is AuthReason.NOT_LOGGED_IN


async def test_a_forced_logout_is_answered(scripted, client, deadline):
    scripted.peers[0].send(1004, {"Name": ""})
    assert (await scripted.hears(1005)).body["Ret"] == 100
    async with deadline():
        assert isinstance(await client.wait_closed(), ConnectionLost)


async def test_close_logs_out_and_reports_no_error(scripted, client, deadline):
    await client.close()
    assert scripted.ids() == [1000, 1002]
    async with deadline():
        assert await client.wait_closed() is None
        await scripted.peers[0].closed.wait()
    await client.close()  # twice is fine


async def test_close_does_not_wait_for_a_dead_device(scripted, make_client, deadline):
    scripted.on[1002] = lambda message: None
    client = make_client(request=0.1)
    await client.connect()
    async with deadline():
        await client.close()


async def test_the_generic_call_takes_any_id_json_or_bytes(scripted, client):
    scripted.on[3500] = lambda message: message.reply(b"\x00\x01\x02" + message.payload)
    assert (await client.request(3500, b"raw")).payload == b"\x00\x01\x02raw"
    scripted.on[2012] = lambda message: message.peer.send(2099, {"Name": "Odd", "Ret": 100})
    assert (await client.request(2012, {"Name": "Odd"}, expect=2099)).body["Name"] == "Odd"
    scripted.on[1660] = lambda message: message.reply(b'{"NoRet":1}')
    assert (await client.call(1660, {})).body == {"NoRet": 1}


async def test_seed_ids_log_in_with_999(scripted, make_client):
    def login(message):
        message.peer.send(1000, {"Ret": 100, "SessionID": "0x57"})

    scripted.on[999] = login
    scripted.on[1001] = lambda message: message.peer.send(1002, {"Ret": 100})
    client = make_client(Profile(seed_ids=True))
    await client.connect()
    await client.close()
    assert scripted.ids() == [999, 1001]


async def test_connections_stay_within_the_budget(scripted, make_client):
    client = make_client(Profile(connections=1))
    await client.connect()
    with pytest.raises(Refused) as caught:
        await client.open_live(0)
    assert caught.value.reason == "budget"
    client.budget.limit = 2
    await client.close()
    assert client.budget.used == 0


async def test_secrets_are_in_no_repr_and_no_error(scripted, make_client):
    scripted.on[1000] = lambda message: message.reply({"Ret": 203})
    client = make_client()
    with pytest.raises(AuthError) as caught:
        await client.connect()
    shown = repr(client._credentials) + repr(caught.value) + str(caught.value) + repr(client.profile)
    assert "6QNMIQGe" not in shown
    assert "password='admin'" not in shown


async def test_messages_survive_one_byte_segments(scripted, client):
    async def dribble(message):
        body = b'{"Name":"SystemInfo","SystemInfo":{"SerialNo":"s1"},"Ret":100}\n\x00'
        for byte in serialize(1021, body, session_id=0x57, version=1):
            message.peer.send_raw(bytes([byte]))
            await message.peer.writer.drain()

    scripted.on[1020] = dribble
    assert (await client.system.info()).serial == "s1"


async def test_a_reply_without_a_name_or_code_is_fine(scripted, client):
    scripted.on[1020] = lambda message: message.reply(b"")
    assert (await client.system.info()).serial == ""


async def test_requests_carry_the_session_and_the_tail(scripted, client):
    await client.request(1020, {"Name": "SystemInfo"})
    message = await scripted.hears(1020)
    assert message.payload.endswith(b"}\n\x00")
    assert message.header.version == 0
    assert decode_body(message.payload)["SessionID"] == "0x00000057"
