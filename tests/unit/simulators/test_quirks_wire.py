"""How answers look on the wire: every switch of packets and bodies, switched while the session runs."""

import json
import struct

import pytest

INFO = {"Name": "SystemInfo"}


def raw(peer, message_id, body):
    """Send a request and return the bytes written."""
    payload = json.dumps(body).encode()
    header = struct.pack("<BBBBIIBBHI", 255, 0, 0, 0, peer.sid, 41, 0, 0, message_id, len(payload))
    peer.world.role.receive_data(peer.connection, header + payload, peer.world.now)
    return peer.connection.data_to_send()


@pytest.mark.parametrize(
    ("tail", "end"),
    [("lfnul", b"}\n\x00"), ("lf", b"}\n"), ("nul", b"}\x00"), ("none", b"}"), ("crlf", b"}\r\n")],
)
def test_tails(world, tail, end):
    peer = world.user()
    world.quirks.tail = tail
    data = raw(peer, 1006, {})
    assert data.endswith(end)
    assert int.from_bytes(data[16:20], "little") == len(data) - 20


@pytest.mark.parametrize("version", [0, 1, 7])
def test_versions(world, version):
    peer = world.user()
    world.quirks.version = version
    assert raw(peer, 1006, {})[1] == version


@pytest.mark.parametrize("reserved", [(0, 0, 0), (1, 1, 0x80), (7, 255, 255)])
def test_the_version_and_the_reserved_bytes_of_a_request_change_nothing(world, reserved):
    peer = world.user()
    payload = json.dumps(INFO).encode()
    header = struct.pack("<BBBBIIBBHI", 255, *reserved, peer.sid, 41, 0, 0, 1020, len(payload))
    (reply,) = peer.feed(header + payload)
    assert (reply.id, reply.ret, reply.version) == (1021, 100, 1)


@pytest.mark.parametrize(
    ("mode", "expected"), [("echo", [41, 41]), ("echo_plus_1", [42, 42]), ("own", [0, 1]), ("zero", [0, 0])]
)
def test_sequences(world, mode, expected):
    peer = world.user()
    world.quirks.sequence = mode
    assert [int.from_bytes(raw(peer, 1006, {})[8:12], "little") for _ in range(2)] == expected


def test_echoed_sequences_wrap(world):
    peer = world.user()
    world.quirks.sequence = "echo_plus_1"
    assert peer.ask(1006, {}, seq=0xFFFFFFFF).seq == 0


@pytest.mark.parametrize(
    ("style", "spelling"),
    [("classic", "0x%08X"), ("short", "0x%X"), ("ten_digits", "0x%010X"), ("lower", "0x%08x")],
)
def test_session_id_spellings(world, style, spelling):
    peer = world.user()
    world.quirks.sid_format = style
    assert peer.ask(1006, {}).json["SessionID"] == spelling % peer.sid


def test_session_ids_may_be_left_out(world):
    peer = world.user()
    world.quirks.sid_format = "none"
    assert "SessionID" not in peer.ask(1006, {}).json


@pytest.fixture
def fragments(world):
    """Sends a request while answers leave in 150-byte parts."""
    peer = world.user()
    world.quirks.fragment_bytes = 150

    def ask(order):
        world.quirks.fragment_order = order
        return [packet for packet in peer.send(1020, INFO) if packet.id == 1021]

    return ask


def test_answers_in_parts_are_the_answer_cut_up(world, fragments):
    packets = fragments("in_order")
    total = len(packets)
    assert total > 3
    assert {packet.b12 for packet in packets} == {total}
    assert [packet.b13 for packet in packets] == list(range(total))
    assert {len(packet.payload) for packet in packets[:-1]} == {150}
    whole = json.loads(b"".join(packet.payload for packet in packets).rstrip(b"\x00\n"))
    assert whole["SystemInfo"]["SerialNo"] == "003344230000"


def test_parts_may_leave_shuffled(fragments):
    packets = fragments("shuffled")
    order = [packet.b13 for packet in packets]
    assert sorted(order) == list(range(len(packets)))
    assert order != sorted(order)


def test_parts_may_leave_with_a_duplicate_a_hole_or_a_changed_total(fragments):
    numbers = [packet.b13 for packet in fragments("duplicate")]
    assert len(numbers) == len(set(numbers)) + 1
    holed = fragments("hole")
    assert len(holed) == holed[0].b12 - 1
    assert len({packet.b12 for packet in fragments("changed_total")}) == 2


def test_long_answers_are_whole_up_to_32_kib_and_then_leave_in_parts_of_16_kib(world):
    peer = world.user()
    world.device.config.set("General.PwdSafety.Padding", "x" * 30_000)
    assert len(peer.send(1042, {"Name": "General"})) == 1
    world.device.config.set("General.PwdSafety.Padding", "x" * 40_000)
    packets = peer.send(1042, {"Name": "General"})
    assert [len(packet.payload) for packet in packets[:2]] == [16384, 16384]
    assert {packet.b12 for packet in packets} == {3}


def test_no_message_has_more_than_255_parts(world):
    peer = world.user()
    world.quirks.fragment_bytes = 10
    packets = peer.send(1042, {"Name": "Detect"})
    assert 200 < len(packets) <= 255


def test_login_answers_of_newer_and_odd_firmware(world):
    world.quirks.update({"keys": "modern", "device_type_space": False, "alive_interval": -1})
    reply = world.peer().login()
    assert reply.json["DataUseAES"] is False
    assert reply.json["DeviceType"] == "HVR"
    assert "DeviceType " not in reply.json
    assert "AliveInterval" not in reply.json
    peer = world.user()
    assert "DeviceModel" in peer.ask(1020, INFO).json["SystemInfo"]


def test_a_login_may_be_answered_with_something_encrypted_cut_or_not_at_all(world):
    body = {"EncryptType": "MD5", "PassWord": "6QNMIQGe", "UserName": "admin"}
    world.quirks.login_reply = "encrypted"
    (reply,) = world.peer().send(1000, body, sid=0)
    assert not reply.payload.startswith(b"{")
    world.quirks.login_reply = "cut"
    (reply,) = world.peer().send(1000, body, sid=0)
    assert reply.payload.startswith(b"{")
    with pytest.raises(ValueError, match=r"Unterminated|Expecting"):
        _ = reply.json
    world.quirks.login_reply = "never"
    assert world.peer().send(1000, body, sid=0) == []


def test_text_may_be_gbk_latin_1_or_hold_control_characters(world):
    peer = world.user()
    world.device.set_titles(["大门", "caf\xe9\x01"])
    world.quirks.text_encoding = "gbk"
    assert "大门".encode("gbk") in peer.ask(1048, {"Name": "ChannelTitle"}).payload
    world.quirks.update({"text_encoding": "latin-1", "raw_control": True})
    assert b"caf\xe9\x01" in peer.ask(1048, {"Name": "ChannelTitle"}).payload


def test_answers_may_be_late_missing_doubled_or_under_another_id(world):
    peer = world.user()
    world.quirks.update({"delay_s": "1020:1.5"})
    assert peer.send(1020, INFO) == []
    assert peer.ask(1006, {}).ret == 100
    world.advance(1.4)
    assert peer.read() == []
    world.advance(0.2)
    assert [packet.id for packet in peer.read()] == [1021]
    world.quirks.update({"delay_s": "", "silent_ids": "1020"})
    assert peer.send(1020, INFO) == []
    world.quirks.update({"silent_ids": "", "double_ids": "1020"})
    assert [packet.id for packet in peer.send(1020, INFO)] == [1021, 1021]
    world.quirks.update({"double_ids": "", "wrong_id_ids": "1020"})
    assert [packet.id for packet in peer.send(1020, INFO)] == [1022]


@pytest.mark.parametrize(
    ("fault", "seen"),
    [
        ("half_header", lambda data: len(data) == 11),
        ("huge_length", lambda data: data[16:20] == b"\xff\xff\xff\xff"),
        ("wrong_flag", lambda data: data[0] != 0xFF),
        ("unknown_id", lambda data: int.from_bytes(data[14:16], "little") > 40000),
        ("json_bomb", lambda data: data.count(b"[") == 10_000),
        ("duplicate_keys", lambda data: data.count(b'"Ret"') == 2),
        ("not_json", lambda data: b":,}" in data),
        ("array", lambda data: data[20:].startswith(b"[")),
    ],
)
def test_faults(world, fault, seen):
    peer = world.user()
    world.quirks.update({"reply_fault": f"1020:{fault}"})
    assert seen(raw(peer, 1020, INFO))
    assert raw(peer, 1006, {}).endswith(b"}\n\x00")


def test_a_title_of_a_mebibyte_arrives_in_parts(world):
    peer = world.user()
    world.device.set_titles(["x" * (1 << 20)])
    packets = peer.send(1048, {"Name": "ChannelTitle"})
    assert sum(len(packet.payload) for packet in packets) > 1 << 20
    assert packets[0].b12 == len(packets) == 65


def test_the_same_seed_makes_the_same_chance(make_world):
    def run(seed):
        world = make_world(seed, fragment_bytes=50, fragment_order="shuffled")
        peer = world.peer()
        world.quirks.fragment_bytes = 0
        peer.login()
        world.quirks.fragment_bytes = 50
        return [packet.b13 for packet in peer.send(1020, INFO)]

    assert run(3) == run(3) != run(4)
