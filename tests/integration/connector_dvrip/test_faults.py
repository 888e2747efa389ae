"""Devices that are away, refuse, or are no such devices at all: reported, and tried again at the right pace."""

import asyncio
import contextlib
import logging
from dataclasses import replace

import pytest

from cambus.connector_dvrip.options import DvripOptions
from cambus.dvrip.device_connection import Ending
from cambus.dvrip.payload import decode_body
from cambus.schemas.commands import ptz, snapshot, talk
from cambus.schemas.errors import DeadlineExceeded, Offline, Unauthorized
from cambus.simulators.dvrip import DvripSimulator

USER, PASSWORD = "admin", "c4nary-passw0rd"

MOVE = ptz.PtzMoveRequest(channel=0, pan=0.1)


async def failing(bench, device):
    """Wait until presence says what went wrong."""
    return await bench.shown(device, lambda presence: presence.last_error is not None and not presence.online)


async def test_a_device_that_goes_away_is_shown_offline_and_commands_fail_at_once(bench, simulator, device):
    await bench.online(device, simulator)
    simulator.go_offline()
    presence = await failing(bench, device)
    assert presence.state == "offline"
    with pytest.raises(Offline):
        await bench.client.call(ptz.MOVE, MOVE, device=device, timeout_s=30)
    await simulator.go_online()
    await bench.shown(device)


@pytest.mark.parametrize("code", [203, 106])
async def test_a_wrong_password_is_shown_and_not_tried_again(bench, simulator, device, code):
    simulator.quirks.wrong_password_code = code
    await bench.connector()
    heard = await bench.heard(device)
    await bench.add(device, simulator, password="wr0ng-secret")
    presence = await failing(bench, device)
    assert presence.state == "credentials-rejected"
    assert (presence.last_error.code, presence.last_error.reason) == (401, "wrong-password")
    assert (presence.retry_at - presence.last_error.at).total_seconds() > 59
    refused = await heard.until("device.auth-failed")
    assert refused.reason == "wrong-password"
    assert "wr0ng-secret" not in presence.model_dump_json() + refused.model_dump_json()
    assert simulator.role.counters["logins_refused"] == 1


async def test_the_right_password_is_tried_at_once(bench, simulator, device):
    await bench.connector()
    await bench.add(device, simulator, password="wr0ng-secret")
    await failing(bench, device)
    await bench.credential(f"c-{device}", PASSWORD)
    await bench.shown(device)


@pytest.mark.parametrize(
    ("code", "reason", "state"),
    [
        (104, "already-logged-in", "credentials-rejected"),
        (204, "unknown-user", "credentials-rejected"),
        (205, "locked", "locked"),
        (206, "blacklisted", "credentials-rejected"),
        (207, "already-in-use", "credentials-rejected"),
        (105, "not-logged-in", "credentials-rejected"),
        (202, "login-required", "credentials-rejected"),
    ],
)
async def test_each_refusal_has_a_reason_of_its_own(bench, simulator, device, code, reason, state):
    simulator.quirks.login_code = code
    await bench.connector()
    await bench.add(device, simulator)
    presence = await failing(bench, device)
    assert (presence.last_error.reason, presence.state) == (reason, state)


@pytest.mark.parametrize(("code", "state"), [(203, "credentials-rejected"), (205, "locked")])
async def test_another_replica_does_not_try_a_refused_account_sooner(bench, simulator, device, code, state):
    simulator.quirks.login_code = code
    await bench.connector("replica-1")
    await bench.add(device, simulator)
    before = await failing(bench, device)
    await bench.connectors["replica-1"].stop()
    await bench.connector("replica-2")
    after = await bench.shown(device, lambda p: p.replica == "replica-2" and p.retry_at is not None)
    assert (after.state, after.retry_at) == (state, before.retry_at)
    assert simulator.role.counters["logins_refused"] == 1


@pytest.mark.parametrize("code", [106, 203, 204, 205, 206])
async def test_an_account_that_is_refused_while_it_is_logged_in_is_shown_once_and_no_more(
    bench, simulator, device, code
):
    """Pictures and talks have logins of their own: whoever wants them must not lock the account by asking often."""
    await bench.online(device, simulator, options={"topology": "own_session"})
    simulator.quirks.login_code = code
    take = snapshot.SnapshotTakeRequest(channel=0)
    for _ in range(3):
        with pytest.raises(Unauthorized):
            await bench.client.call(snapshot.TAKE, take, device=device)
        with pytest.raises(Unauthorized):
            await bench.client.call(talk.START, talk.TalkStartRequest(), device=device)
        with pytest.raises(Unauthorized):
            await bench.view(device)
    assert simulator.role.counters["logins_refused"] == 1
    assert (await bench.presence.get(device)).value.online
    await bench.client.call(ptz.MOVE, MOVE, device=device)


async def test_an_account_that_is_refused_when_the_session_is_renewed_waits_as_any_other(
    bench, simulator, device
):
    await bench.online(device, simulator)
    heard = await bench.heard(device)
    for connection in simulator.role.connections:
        connection.session = None
    for session in simulator.sessions:
        simulator.role.sessions.remove(session)
    simulator.quirks.login_code = 203
    with pytest.raises((Offline, Unauthorized)):
        await bench.client.call(ptz.MOVE, MOVE, device=device)
    assert (await heard.until("device.auth-failed")).reason == "wrong-password"
    presence = await failing(bench, device)
    assert presence.state == "credentials-rejected"
    assert (presence.retry_at - presence.last_error.at).total_seconds() > 59
    assert simulator.role.counters["logins_refused"] == 1


def heard_by(simulator, monkeypatch):
    """What a recorder is asked from now on: ids and actions, in order."""
    asked = []
    dispatch = simulator.role._dispatch

    def noted(connection, packet):
        body = decode_body(packet.payload) if packet.payload.startswith(b"{") else {}
        actions = [
            value["Action"] for value in body.values() if isinstance(value, dict) and "Action" in value
        ]
        asked.append((packet.header.message_id, *actions))
        dispatch(connection, packet)

    monkeypatch.setattr(simulator.role, "_dispatch", noted)
    return asked


@pytest.mark.parametrize("reply", ["encrypted", "cut"])
async def test_an_encrypting_device_says_that_we_do_not_speak_it(
    bench, simulator, device, monkeypatch, reply
):
    simulator.quirks.login_reply = reply
    asked = heard_by(simulator, monkeypatch)
    await bench.connector()
    await bench.add(device, simulator)
    presence = await failing(bench, device)
    assert (presence.state, presence.last_error.reason) == ("unsupported", "unsupported")
    assert (presence.retry_at - presence.last_error.at).total_seconds() > 59
    assert [message_id for message_id, *_ in asked] == [1000, 1413, 1000]


def waits_longer(presence):
    """Whether a device is left alone several times as long as at first (50 ms)."""
    if presence.online or presence.retry_at is None or presence.last_error is None:
        return False
    return (presence.retry_at - presence.last_error.at).total_seconds() > 0.3


@pytest.mark.parametrize("how", ["close", "code"])
async def test_a_device_without_a_free_connection_is_reported_as_such(
    bench, simulator, device, how, eventually
):
    simulator.quirks.max_connections, simulator.quirks.over_limit = 1, how
    _, writer = await asyncio.open_connection("127.0.0.1", simulator.port)
    await simulator.wait_for(lambda: simulator.connection_count == 1)
    await bench.connector()
    heard = await bench.heard(device)
    await bench.add(device, simulator)
    presence = await failing(bench, device)
    assert presence.last_error.reason == "connection-limit"
    assert (await heard.until("exception.reported")).code == "connection-limit"
    await bench.shown(device, waits_longer)
    writer.close()
    await writer.wait_closed()
    await bench.shown(device)


@contextlib.asynccontextmanager
async def server(answer):
    """Something that listens and is no recorder."""

    async def serve(reader, writer):
        with contextlib.suppress(ConnectionError):
            await answer(reader, writer)
        writer.close()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"127.0.0.1:{listening.sockets[0].getsockname()[1]}"
    finally:
        listening.close()


async def test_something_that_is_no_recorder_is_reported_and_tried_again(bench, device, eventually):
    calls = []

    async def garbage(reader, writer):
        calls.append(await reader.read(100))
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n" * 50)
        await writer.drain()

    async with server(garbage) as address:
        await bench.connector()
        await bench.add(device, address)
        presence = await failing(bench, device)
        assert (presence.last_error.code, presence.last_error.reason) == (502, "protocol-error")
        await eventually(lambda: len(calls) >= 3)


async def test_a_length_without_bound_is_not_believed(bench, device):
    async def huge(reader, writer):
        await reader.read(100)
        writer.write(bytes.fromhex("ff01000000000000000000000000e903ffffffff"))
        await writer.drain()
        await reader.read(1)

    async with server(huge) as address:
        await bench.connector()
        await bench.add(device, address)
        presence = await failing(bench, device)
        assert presence.last_error.reason == "protocol-error"


async def test_a_device_that_never_answers_holds_up_no_other(bench, simulator, device, unique):
    async def silent(reader, writer):
        await reader.read(-1)

    async with server(silent) as address:
        await bench.connector()
        await asyncio.gather(*(bench.add(f"{unique}-{number}", address) for number in range(10)))
        await bench.online(device, simulator)
        await bench.client.call(ptz.MOVE, MOVE, device=device)


async def test_an_address_nobody_listens_on_is_unreachable(bench, device):
    async with server(lambda reader, writer: reader.read(1)) as address:
        pass
    await bench.connector()
    await bench.add(device, address)
    presence = await failing(bench, device)
    assert presence.last_error.reason == "unreachable"


@pytest.mark.parametrize(
    ("fields", "what"),
    [
        ({"options": {"chanel_base": 1}}, "options.chanel_base: there is no such option"),
        ({"options": {"channel_base": 7}}, "options.channel_base"),
        ({"options": {"time_zone": "Mars/Olympus"}}, "options.time_zone"),
        ({"address": "not an address"}, "address"),
        ({"address": None}, "address"),
    ],
)
async def test_a_record_that_can_not_work_says_what_is_wrong(bench, simulator, device, fields, what):
    await bench.connector()
    await bench.add(device, simulator, **fields)
    presence = await failing(bench, device)
    assert (presence.last_error.code, presence.last_error.reason) == (400, "invalid-record")
    assert what in presence.last_error.text


async def test_lost_keepalives_end_the_session(bench, simulator, device, monkeypatch):
    whole = DvripOptions.timeouts
    monkeypatch.setattr(
        DvripOptions, "timeouts", lambda self, request_s: replace(whole(self, request_s), keepalive=0.3)
    )
    simulator.quirks.alive_interval = 1
    await bench.online(device, simulator)
    simulator.quirks.silent_ids = {1006}
    presence = await failing(bench, device)
    assert presence.last_error.reason == "keepalive-lost"
    simulator.quirks.silent_ids = set()
    await bench.shown(device)


@pytest.mark.parametrize("how", [Ending.CLOSE, Ending.RESET, Ending.HALF_CLOSE, "wrong_flag"], ids=str)
async def test_a_session_that_ends_in_whatever_way_is_told_counted_and_replaced(
    bench, simulator, device, how
):
    heard = await bench.heard(device)
    await bench.online(device, simulator)
    (before,) = simulator.sessions
    if isinstance(how, Ending):
        reason = "connection-lost"
        for connection in list(simulator.role.connections):
            simulator._server.call(lambda ended=connection: simulator.role.end(ended, how))
    else:
        reason = "protocol-error"
        simulator.inject(how)
    assert (await heard.until("device.offline")).reason == reason
    await heard.until("device.online")
    (after,) = simulator.sessions
    assert after is not before
    metrics = bench.connectors["replica-1"].service.runtime.metrics.render().decode()
    assert f'cambus_connector_session_ends_total{{protocol="dvrip",reason="{reason}"}} 1.0' in metrics


async def test_a_device_that_logs_us_out_again_and_again_is_left_alone_longer_each_time(
    bench, simulator, device
):
    simulator.quirks.force_logout_after_s = 0.01
    await bench.connector()
    await bench.add(device, simulator)
    presence = await bench.shown(device, waits_longer)
    assert presence.last_error.reason == "forced-logout"


async def test_a_forced_logout_is_followed_by_a_new_login(bench, simulator, device):
    await bench.online(device, simulator)
    heard = await bench.heard(device)
    await heard.until("device.online")
    simulator.force_logout()
    assert (await heard.until("device.offline")).reason == "forced-logout"
    await heard.until("device.online")


async def test_a_device_that_forgot_the_session_is_logged_in_again(bench, simulator, device):
    presence = await bench.online(device, simulator)
    for connection in simulator.role.connections:
        connection.session = None
    for session in simulator.sessions:
        simulator.role.sessions.remove(session)
    with pytest.raises(Offline) as refused:  # it may have turned: nobody repeats a movement
        await bench.client.call(ptz.MOVE, MOVE, device=device)
    assert (refused.value.reason, refused.value.retryable) == ("session-renewed", True)
    await bench.client.call(ptz.MOVE, MOVE, device=device)
    assert simulator.head(0).moving
    assert len(simulator.sessions) == 1
    assert (await bench.shown(device)).since == presence.since  # it was there all the time


async def test_a_request_without_an_answer_costs_the_session_and_says_so(bench, simulator, device):
    await bench.online(device, simulator, options={"request_timeout_s": 0.3})
    simulator.quirks.silent_ids = {1400}
    with pytest.raises((DeadlineExceeded, Offline)):
        await bench.client.call(ptz.MOVE, MOVE, device=device)
    presence = await failing(bench, device)
    assert presence.last_error.reason == "timeout"
    simulator.quirks.silent_ids = set()
    await bench.shown(device)


async def test_an_orderly_stop_logs_out(bench, simulator, device, monkeypatch):
    await bench.online(device, simulator)
    await bench.view(device, 0)
    await bench.view(device, 1)
    asked = heard_by(simulator, monkeypatch)
    await bench.connectors["replica-1"].stop()
    await simulator.wait_for(lambda: not simulator.connection_count)
    assert asked[-3:] == [(1410, "Stop"), (1410, "Stop"), (1002,)]
    assert not simulator.streams


async def test_no_password_nor_its_hash_is_anywhere(bench, simulator, device, caplog, tmp_path):
    from cambus.dvrip.password import hash_password

    with caplog.at_level(logging.DEBUG):
        heard = await bench.heard(device)
        await bench.online(device, simulator)
        await bench.view(device)
        simulator.raise_alarm("motion", 0)
        await heard.until("alarm.raised")
        simulator.drop()
        await heard.until("device.offline")
        await heard.until("device.online")
        service = bench.connectors["replica-1"].service
        told = [
            "\n".join(str(vars(record)) for record in caplog.records),
            service.runtime.metrics.render().decode(),
            (await bench.presence.get(device)).value.model_dump_json(),
            repr(bench.session(device).device.credentials),
            (await bench.sealed.get(f"c-{device}")).value.model_dump_json(),
        ]
    for secret in (PASSWORD, hash_password(PASSWORD)):
        assert not any(secret in text for text in told)


@pytest.fixture
async def recorders(unique):
    """Thirty recorders in one process."""
    async with contextlib.AsyncExitStack() as stack:
        yield {
            f"{unique}-{index}": await stack.enter_async_context(
                DvripSimulator(user=USER, password=PASSWORD, channels=1, index=index)
            )
            for index in range(30)
        }


def sessions(recorders):
    return [len(simulator.sessions) for simulator in recorders.values()]


async def test_two_replicas_split_thirty_recorders_and_a_stop_hands_over(bench, recorders, eventually):
    await bench.connector("replica-1")
    for device, simulator in recorders.items():
        await bench.add(device, simulator)
    await eventually(lambda: sessions(recorders) == [1] * 30)
    await bench.connector("replica-2")
    second = bench.connectors["replica-2"].service.fleet
    await eventually(lambda: 5 <= sum(unit.session is not None for unit in second.units.values()) <= 25)
    await eventually(lambda: sessions(recorders) == [1] * 30)
    await bench.connectors["replica-1"].stop()
    await eventually(lambda: sessions(recorders) == [1] * 30)
    await eventually(lambda: sum(unit.session is not None for unit in second.units.values()) == 30)
    for device in recorders:
        presence = await bench.shown(device, lambda p: p.online and p.replica == "replica-2")
        assert presence.epoch > 0
