"""Logins, sessions and their ends, by the clock of the test."""

import json

import pytest


def test_login_is_accepted_on_1000_and_on_999_and_both_are_answered_1001(world):
    body = {"EncryptType": "MD5", "LoginType": "DVRIP-Web", "PassWord": "6QNMIQGe", "UserName": "admin"}
    for message_id in (1000, 999):
        (reply,) = world.peer().send(message_id, body)
        assert (reply.id, reply.ret) == (1001, 100)


def test_with_seed_ids_the_whole_session_speaks_the_ids_of_the_original_tables(world):
    world.quirks.seed_ids = True
    body = {"EncryptType": "MD5", "LoginType": "DVRIP-Web", "PassWord": "6QNMIQGe", "UserName": "admin"}
    peer = world.peer()
    (reply,) = peer.send(999, body)
    assert (reply.id, reply.ret) == (1000, 100)
    peer.sid = reply.sid
    (alive,) = peer.send(1005, {"Name": "KeepAlive"})
    assert (alive.id, alive.json["Name"]) == (1006, "KeepAlive")
    assert peer.ask(1020, {"Name": "SystemInfo"}).ret == 100
    (bye,) = peer.send(1001, {"Name": ""})
    assert (bye.id, bye.ret) == (1002, 100)
    assert len(world.role.sessions) == 0


def test_seed_ids_leave_clients_with_the_usual_ids_alone(world):
    world.quirks.seed_ids = True
    peer = world.user()
    (alive,) = peer.send(1006, {"Name": "KeepAlive"})
    assert alive.id == 1007


def test_the_answer_to_a_login_has_exactly_the_classic_keys(world):
    reply = world.peer().login()
    assert sorted(reply.json) == [
        "AliveInterval",
        "ChannelNum",
        "DeviceType ",
        "ExtraChannel",
        "Ret",
        "SessionID",
    ]
    assert reply.json["SessionID"] == f"0x{reply.sid:08X}"
    assert reply.sid != 0


def test_plain_text_passwords_are_checked_too(world):
    assert world.peer().login(password_hash="admin", EncryptType="NONE").ret == 100
    assert world.peer().login(password_hash="wrong", EncryptType="NONE").ret == 203


def test_an_encryption_of_an_oem_is_unsupported(world):
    assert world.peer().login(EncryptType="3DES").ret == 102


def test_a_refused_login_is_answered_in_full_or_in_short(world):
    full = world.peer().login(password_hash="00000000")
    assert (full.ret, full.json["ChannelNum"], full.json["AliveInterval"]) == (203, 0, 0)
    world.quirks.login_failure_form = "short"
    short = world.peer().login(password_hash="00000000")
    assert sorted(short.json) == ["Name", "Ret", "SessionID"]


def test_codes_of_refused_logins_are_switchable(world):
    world.quirks.update({"wrong_password_code": 106, "unknown_user_code": 205})
    assert world.peer().login(password_hash="00000000").ret == 106
    assert world.peer().login(user="nobody").ret == 205
    for code in (104, 105, 202, 204, 206, 207):
        world.quirks.login_code = code
        assert world.peer().login().ret == code


def test_a_user_is_locked_after_some_failures_and_free_again_after_a_while(world):
    world.quirks.update({"lock_after": 3, "lock_s": 60})
    for _ in range(3):
        assert world.peer().login(password_hash="00000000").ret == 203
    assert world.peer().login().ret == 205
    world.advance(59.0)
    assert world.peer().login().ret == 205
    world.advance(1.5)
    assert world.peer().login().ret == 100


def test_locking_one_user_out_leaves_others_in(world):
    world.quirks.lock_after = 1
    world.peer().login(user="mallory", password_hash="x")
    assert world.peer().login(user="mallory", password_hash="x").ret == 205
    assert world.peer().login().ret == 100


def test_a_silent_session_ends_after_three_alive_intervals(world):
    peer = world.user()
    world.advance(59.0)
    assert len(world.role.sessions) == 1
    world.advance(1.5)
    assert len(world.role.sessions) == 0
    assert peer.ended


@pytest.mark.parametrize(("alive_interval", "intervals", "lasts_s"), [(20, 1.5, 30), (5, 3, 15)])
def test_how_long_a_silent_session_lasts_is_switchable(world, alive_interval, intervals, lasts_s):
    world.quirks.update({"alive_interval": alive_interval, "expire_after_intervals": intervals})
    world.user()
    world.advance(lasts_s - 1.0)
    assert len(world.role.sessions) == 1
    world.advance(1.5)
    assert len(world.role.sessions) == 0


def test_keepalives_and_any_other_request_keep_a_session(world):
    peer = world.user()
    for _ in range(5):
        world.advance(30.0)
        assert peer.ask(1006, {"Name": "KeepAlive"}).ret == 100
        world.advance(29.0)
        assert peer.ask(1020, {"Name": "WorkState"}).ret == 100


def test_an_expired_session_frees_its_claims_and_its_talk(world, monitor, talk):
    peer = world.user()
    data = world.data_peer(peer)
    assert data.ask(1413, monitor("Claim")).ret == 100
    assert data.ask(1434, talk("Claim")).ret == 100
    assert peer.ask(1430, talk("Start")).ret == 100
    assert world.role.media.talker is not None
    world.advance(61.0)
    assert world.role.media.talker is None
    assert list(world.role.media.claims()) == []
    assert data.ended


def test_a_session_ends_with_the_last_connection_that_used_it(world):
    peer = world.user()
    data = world.data_peer(peer)
    assert data.ask(1006, {}).ret == 100
    peer.vanish()
    assert data.ask(1006, {}).ret == 100
    data.vanish()
    assert len(world.role.sessions) == 0


def test_logout_ends_the_session_and_leaves_the_connection(world):
    peer = world.user()
    assert peer.ask(1002, {"Name": ""}).json["Name"] == ""
    assert peer.ask(1020, {"Name": "SystemInfo"}).ret == 105
    assert not peer.ended
    assert peer.login().ret == 100


def test_a_forced_logout_closes_when_it_is_answered_or_soon_after(world):
    first, second = world.user(), world.user()
    for session in world.role.sessions:
        world.role.force_logout(session)
    assert [packet.id for packet in first.read()] == [1004]
    first.send(1005, {"Ret": 100})
    assert first.ended
    assert not second.ended
    world.advance(2.1)
    assert second.ended


def test_a_forced_logout_can_be_scheduled_for_every_session(world):
    world.quirks.force_logout_after_s = 30
    peer = world.user()
    world.advance(29.0)
    assert peer.read() == []
    world.advance(1.5)
    assert [packet.id for packet in peer.read()] == [1004]


def test_requests_without_a_session_are_refused(world):
    peer = world.peer()
    assert peer.ask(1020, {"Name": "SystemInfo"}).ret == 105
    world.quirks.not_logged_in_code = 202
    assert peer.ask(1020, {"Name": "SystemInfo"}).ret == 202


def test_the_session_is_that_of_the_header_before_that_of_the_body(world):
    peer, other = world.user(), world.user()
    sid = f"0x{other.sid:08X}"
    assert peer.ask(1006, {"SessionID": sid}).sid == peer.sid
    stranger = world.peer()
    assert stranger.ask(1006, {"SessionID": sid}, sid=0).sid == other.sid
    assert peer.ask(1006, {}, sid=0).sid == peer.sid


def test_connections_beyond_the_configured_limit_are_closed(world):
    world.device.config.set("NetWork.NetCommon.TCPMaxConn", 3)
    peers = [world.peer() for _ in range(4)]
    assert [peer.ended for peer in peers] == [False, False, False, True]
    peers[0].vanish()
    peers[3].vanish()
    assert not world.peer().ended


def test_a_connection_too_many_may_be_answered_with_a_code_first(world):
    world.quirks.update({"max_connections": 1, "over_limit": "code", "over_limit_code": 123})
    world.user()
    late = world.peer()
    assert not late.ended
    (reply,) = late.send(1000, {})
    assert (reply.id, reply.ret) == (1001, 123)
    assert late.ended


def test_connections_that_never_show_a_session_are_closed(world):
    idle, busy = world.peer(), world.user()
    world.advance(59.0)
    busy.ask(1006, {})
    assert not idle.ended
    world.advance(2.0)
    assert idle.ended
    assert not busy.ended


def test_session_ids_are_random_but_follow_from_the_seed(make_world):
    sids = [[make.user().sid for _ in range(3)] for make in (make_world(5), make_world(5), make_world(6))]
    assert sids[0] == sids[1] != sids[2]
    assert len({sid for run in sids for sid in run}) == 6


def test_a_thousand_logins_leave_nothing_behind(world):
    peer = world.user()
    for _ in range(1000):
        assert peer.login().ret == 100
    assert len(world.role.sessions) == 1
    assert len(peer.connection.bound) == 1
    for _ in range(1000):
        other = world.user()
        other.vanish()
    assert len(world.role.sessions) == 1
    assert len(world.role.connections) == 1


def test_broken_bodies_are_answered_117_and_the_session_goes_on(world):
    peer = world.user()
    for payload in (b"{", b"[1]", b"nonsense", b'{"a":1,"a":2}', b'{"Name":' + b"[" * 10_000):
        assert peer.ask(1020, payload).ret == 117
    assert peer.ask(1006, b"").ret == 100
    assert peer.ask(1006, b"{}\n").ret == 100
    broken = world.peer().ask(1000, b"{{{", sid=0)
    assert broken.ret == 117


def test_wrong_framing_ends_the_connection(world):
    peer = world.user()
    peer.feed(b"GET / HTTP/1.1\r\n\r\n")
    assert peer.ended
    assert world.role.counters["framing_errors"] == 1


def test_a_socket_without_a_session_may_not_announce_big_messages(world):
    stranger, member = world.peer(), world.user()
    header = b"\xff" + bytes(13) + (1042).to_bytes(2, "little") + (100_000).to_bytes(4, "little")
    stranger.feed(header)
    member.feed(header)
    assert stranger.ended
    assert not member.ended


def test_requests_in_parts_are_put_together(world):
    peer = world.user()
    body = json.dumps({"Name": "SystemInfo"}).encode() + b"\n\x00"
    parts = [body[at : at + 5] for at in range(0, len(body), 5)]
    answers = []
    for index, part in reversed(list(enumerate(parts))):
        answers += peer.send(1020, part, seq=77, b12=len(parts), b13=index)
    assert [answer.ret for answer in answers] == [100]
    assert "SystemInfo" in answers[0].json


def test_parts_that_do_not_fit_are_dropped_without_an_answer(world):
    peer = world.user()
    assert peer.send(1020, b"{", seq=5, b12=3, b13=0) == []
    assert peer.send(1020, b"{", seq=5, b12=3, b13=0) == []
    assert world.role.counters["fragment_errors"] == 1
    assert peer.ask(1006, {}).ret == 100
