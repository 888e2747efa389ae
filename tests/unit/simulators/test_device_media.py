"""Claims, Start and Stop, and how streams run, by the clock of the test."""

import pytest

from cambus.simulators.video_loop import LoopStore


@pytest.fixture(autouse=True)
def _encoded(world):
    for channel in (0, 1):
        for stream in (0, 1):
            LoopStore.shared.get(world.device.spec(channel, stream))


def media(packets, message_id=1412):
    return [packet for packet in packets if packet.id == message_id]


def test_a_claim_needs_no_login_but_a_live_session(world, monitor):
    owner = world.user()
    data = world.data_peer(owner)
    reply = data.ask(1413, monitor("Claim"))
    assert (reply.ret, reply.json["Name"], reply.sid) == (100, "OPMonitor", owner.sid)
    stranger = world.peer()
    assert stranger.ask(1413, monitor("Claim"), sid=owner.sid + 1).ret == 103
    assert stranger.ask(1413, monitor("Claim"), sid=0).ret == 103
    assert stranger.ask(1424, {}, sid=0).ret == 103
    owner.ask(1002, {})
    late = world.peer()
    assert late.ask(1413, monitor("Claim"), sid=owner.sid).ret == 103


def test_media_flows_on_the_claimed_socket_and_the_answer_to_start_on_the_other(world, monitor):
    owner = world.user()
    data = world.data_peer(owner)
    data.ask(1413, monitor("Claim"))
    assert [packet.id for packet in owner.send(1410, monitor("Start"))] == [1411]
    world.advance(1.0)
    assert owner.read() == []
    packets = data.read()
    assert {packet.id for packet in packets} == {1412}
    assert [packet.seq for packet in packets] == list(range(1, len(packets) + 1))
    assert {(packet.sid, packet.b12, packet.version) for packet in packets} == {(owner.sid, 0, 1)}
    assert max(len(packet.payload) for packet in packets) <= 8192


def test_start_waits_for_its_claim_and_the_claim_is_answered_before_the_media(world, monitor):
    owner = world.user()
    data = world.data_peer(owner)
    assert owner.send(1410, monitor("Start")) == []
    world.advance(0.4)
    assert owner.read() == []
    answered = data.send(1413, monitor("Claim"))
    assert [packet.id for packet in answered] == [1414]
    assert [(packet.id, packet.ret) for packet in owner.read()] == [(1411, 100)]
    world.advance(0.1)
    assert media(data.read())


def test_start_without_any_claim_is_refused_after_half_a_second(world, monitor):
    owner = world.user()
    owner.send(1410, monitor("Start"))
    world.advance(0.49)
    assert owner.read() == []
    world.advance(0.02)
    assert [(packet.id, packet.ret) for packet in owner.read()] == [(1411, 103)]


def test_a_held_start_is_only_for_its_own_channel_and_stream(world, monitor):
    owner = world.user()
    data = world.data_peer(owner)
    owner.send(1410, monitor("Start", 1))
    data.ask(1413, monitor("Claim", 0))
    data.ask(1413, monitor("Claim", 1, "Extra1"))
    world.advance(0.6)
    assert [(packet.id, packet.ret) for packet in owner.read()] == [(1411, 103)]
    assert media(data.read()) == []


@pytest.mark.parametrize("action", ["Claim", "Start", "Stop", "Nonsense", ""])
def test_a_claim_is_known_by_its_id_whatever_its_action(world, monitor, action):
    owner = world.user()
    data = world.data_peer(owner)
    assert data.ask(1413, monitor(action)).ret == 100
    world.advance(0.5)
    assert media(data.read()) == []
    owner.ask(1410, monitor("Start"))
    world.advance(0.1)
    assert media(data.read())


def test_a_playback_claim_may_say_download_start(world, playback):
    owner = world.user()
    data = world.data_peer(owner)
    assert data.ask(1424, playback("DownloadStart")).ret == 100
    world.advance(0.5)
    assert data.read() == []


def test_action1_start_in_a_claim_begins_at_once(world, monitor):
    owner = world.user()
    data = world.data_peer(owner)
    assert [packet.id for packet in data.send(1413, monitor("Claim", Action1="Start"))] == [1414]
    world.advance(0.2)
    packets = data.read()
    assert packets
    assert {packet.id for packet in packets} == {1412}


def test_stop_closes_the_socket_that_only_carried_the_media(world, monitor):
    owner = world.user()
    data = world.data_peer(owner)
    data.ask(1413, monitor("Claim"))
    owner.ask(1410, monitor("Start"))
    world.advance(0.2)
    assert owner.ask(1410, monitor("Stop")).ret == 100
    assert data.ended
    assert not owner.ended
    assert list(world.role.media.claims()) == []


def test_stop_leaves_the_socket_to_other_claims_until_the_last(world, monitor):
    owner = world.user()
    data = world.data_peer(owner)
    for channel in (0, 1):
        data.ask(1413, monitor("Claim", channel))
        owner.ask(1410, monitor("Start", channel))
    world.advance(0.2)
    assert {packet.b12 for packet in media(data.read())} == {0, 1}
    owner.ask(1410, monitor("Stop", 0))
    assert not data.ended
    owner.ask(1410, monitor("Stop", 1))
    assert data.ended


def test_on_one_shared_socket_start_is_not_answered_in_front_of_the_media(world, monitor):
    peer = world.user()
    assert peer.ask(1413, monitor("Claim")).ret == 100
    assert peer.send(1410, monitor("Start")) == []
    world.advance(1.0)
    assert {packet.id for packet in peer.read()} == {1412}
    assert peer.ask(1410, monitor("Stop")).ret == 100
    assert not peer.ended


@pytest.mark.parametrize(("mode", "position"), [("before", 0), ("after", 3)])
def test_where_the_answer_to_start_comes_on_a_shared_socket_is_switchable(world, monitor, mode, position):
    world.quirks.start_reply = mode
    world.quirks.chunk_mode = "frame"
    peer = world.user()
    peer.ask(1413, monitor("Claim"))
    packets = peer.send(1410, monitor("Start"))
    world.advance(1.0)
    packets += peer.read()
    assert [packet.id for packet in packets].index(1411) == position


def test_refusals_of_start_are_answered_on_a_shared_socket_too(world, monitor):
    world.quirks.offline_channels = {1}
    peer = world.user()
    peer.ask(1413, monitor("Claim", 1))
    assert peer.ask(1410, monitor("Start", 1)).ret == 121
    peer.ask(1413, monitor("Claim", 40))
    assert peer.ask(1410, monitor("Start", 40)).ret == 103


def test_claims_are_taken_where_the_topology_allows_them(world, monitor):
    owner = world.user()
    data = world.data_peer(owner)
    world.quirks.topology = "two_sockets"
    assert owner.ask(1413, monitor("Claim")).ret == 103
    assert data.ask(1413, monitor("Claim")).ret == 100
    world.quirks.topology = "one_socket"
    assert data.ask(1413, monitor("Claim", 1)).ret == 103
    assert owner.ask(1413, monitor("Claim", 1)).ret == 100


def test_a_lost_claim_is_not_answered_and_start_finds_none(world, monitor):
    world.quirks.claim_lost = True
    owner = world.user()
    assert world.data_peer(owner).send(1413, monitor("Claim")) == []
    owner.send(1410, monitor("Start"))
    world.advance(0.6)
    assert owner.read()[0].ret == 103


def test_pause_holds_a_stream_and_continue_goes_on(world, monitor):
    owner = world.user()
    data = world.data_peer(owner)
    data.ask(1413, monitor("Claim"))
    owner.ask(1410, monitor("Start"))
    world.advance(0.5)
    data.read()
    assert owner.ask(1410, monitor("Pause")).ret == 100
    world.advance(5.0)
    assert data.read() == []
    assert owner.ask(1410, monitor("Continue")).ret == 100
    world.advance(1.0)
    frames = len(media(data.read()))
    assert 40 <= frames <= 60


def test_four_playbacks_share_a_socket_and_the_fifth_is_refused(quirks, make_world, playback):
    world = make_world()
    world.device.channels = 8
    owner = world.user()
    data = world.data_peer(owner)
    assert [data.ask(1424, playback("Claim", channel)).ret for channel in range(5)] == [
        100,
        100,
        100,
        100,
        103,
    ]
    other = world.user()
    assert world.data_peer(other).ask(1424, playback("Claim", 0)).ret == 100


def test_a_playback_socket_stays_claimed_after_stop(world, playback):
    name = world.device.recordings(0, 0, "h264")[0].file_name
    owner = world.user()
    data = world.data_peer(owner)
    data.ask(1424, playback("Claim", 0, name))
    for _ in range(2):
        assert owner.ask(1420, playback("Start", 0, name)).ret == 100
        world.advance(0.3)
        packets = media(data.read(), 1422)
        assert packets
        assert packets[0].payload[:4] == b"\x00\x00\x01\xfc"
        assert owner.ask(1420, playback("Stop", 0, name)).ret == 100
        assert not data.ended


def test_a_playback_is_paced_and_a_download_is_not(world, playback):
    record = world.device.recordings(0, 0, "h264")[0]
    owner = world.user()
    data = world.data_peer(owner)
    data.ask(1424, playback("Claim", 0, record.file_name))
    owner.ask(1420, playback("Start", 0, record.file_name))
    world.advance(5.0)
    paced = b"".join(packet.payload for packet in media(data.read(), 1422))
    size = world.device.recording_size(record)
    assert 0.4 * size < len(paced) < 0.6 * size
    owner.ask(1420, playback("Stop", 0, record.file_name))
    owner.ask(1420, playback("DownloadStart", 0, record.file_name))
    world.advance(0.1)
    packets = media(data.read(), 1426)
    assert sum(len(packet.payload) for packet in packets) == size
    assert (packets[-1].payload, packets[-1].b13) == (b"", 1)
    assert all(packet.b13 == 0 for packet in packets[:-1])


@pytest.mark.parametrize(
    ("mode", "last", "flag"),
    [
        ("end_flag", 1426, 1),
        ("zero_length", 1426, 0),
        ("message_1423", 1423, 0),
        ("message_1423_json", 1423, 0),
        ("silence", 1426, 0),
        ("flag_on_last", 1426, 1),
    ],
)
def test_the_end_of_a_download_is_told_in_every_known_way(world, playback, mode, last, flag):
    world.quirks.end_of_file = mode
    record = world.device.recordings(1, 1, "h264")[3]
    owner = world.user()
    data = world.data_peer(owner)
    data.ask(1424, playback("Claim", 1, record.file_name))
    owner.ask(1420, playback("DownloadStart", 1, record.file_name))
    world.advance(0.2)
    packets = data.read()
    assert sum(len(each.payload) for each in media(packets, 1426)) == world.device.recording_size(record)
    assert (packets[-1].id, packets[-1].b13) == (last, flag)
    assert bool(packets[-1].payload) == (mode in {"silence", "flag_on_last", "message_1423_json"})


def test_a_playback_needs_only_a_file_name(world):
    name = world.device.recordings(1, 0, "h264")[0].file_name
    owner = world.user()
    data = world.data_peer(owner)
    section = {"Action": "Claim", "Parameter": {"FileName": name, "TransMode": "TCP"}}
    assert data.ask(1424, {"OPPlayBack": section}).ret == 100
    times = {"StartTime": "2000-00-00 00:00:00", "EndTime": "9999-12-31 23:59:59"}
    assert owner.ask(1420, {"OPPlayBack": {**section, **times, "Action": "DownloadStart"}}).ret == 100
    world.advance(0.1)
    assert {packet.b12 for packet in media(data.read(), 1426)} == {1}


def test_playing_a_file_that_is_not_there_is_119(world, playback):
    owner = world.user()
    world.data_peer(owner).ask(1424, playback("Claim", 0))
    assert (
        owner.ask(1420, playback("Start", 0, "/idea0/2000-01-01/001/00.00.00-00.10.00[R][@0][0].h264")).ret
        == 119
    )


def test_seek_continues_at_the_key_frame_before_the_time(world, playback):
    record = world.device.recordings(0, 0, "h264")[0]
    owner = world.user()
    data = world.data_peer(owner)
    data.ask(1424, playback("Claim", 0, record.file_name))
    owner.ask(1420, playback("Start", 0, record.file_name))
    world.advance(0.2)
    data.read()
    to = record.begin.replace(second=record.begin.second + 5)
    assert owner.ask(1420, playback("Locate", 0, StartTime=f"{to:%Y-%m-%d %H:%M:%S}")).ret == 100
    world.advance(0.1)
    head = media(data.read(), 1422)[0].payload[:16]
    stamp = int.from_bytes(head[8:12], "little")
    assert head[3] == 0xFC
    assert (stamp & 0x3F, stamp >> 6 & 0x3F) == (to.second - 1, to.minute)  # key frames are 2 s apart


def test_fast_doubles_and_slow_halves_the_pace(world, playback):
    record = world.device.recordings(0, 0, "h264")[0]
    owner = world.user()
    data = world.data_peer(owner)
    data.ask(1424, playback("Claim", 0, record.file_name))
    owner.ask(1420, playback("Start", 0, record.file_name))
    world.advance(1.0)
    played = media(data.read(), 1422)
    normal = len(played)
    owner.ask(1420, playback("Fast"))
    world.advance(1.0)
    more = media(data.read(), 1422)
    assert 1.7 * normal < len(more) < 2.3 * normal
    for _ in range(3):
        owner.ask(1420, playback("Slow"))
    world.advance(1.0)
    less = media(data.read(), 1422)
    assert 0.15 * normal < len(less) < 0.4 * normal
    owner.ask(1420, playback("Stop", 0, record.file_name))
    owner.ask(1420, playback("DownloadStart", 0, record.file_name))
    world.advance(0.1)
    whole = b"".join(packet.payload for packet in media(data.read(), 1426))
    seen = b"".join(packet.payload for packet in played + more + less)
    assert whole.startswith(seen)  # not a frame is lost where the speed changes


def test_one_talker_per_device_and_the_next_when_he_is_gone(world, talk):
    first, second = world.user(), world.user()
    lines = [world.data_peer(first), world.data_peer(second)]
    for line in lines:
        assert line.ask(1434, talk("Claim")).ret == 100
    assert first.ask(1430, talk("Start")).ret == 100
    assert second.ask(1430, talk("Start")).ret == 503
    lines[0].vanish()
    assert second.ask(1430, talk("Start")).ret == 100
    assert second.ask(1430, talk("Stop")).ret == 100
    assert second.ask(1430, talk("Stop")).ret == 504


@pytest.mark.parametrize("rate", [8, 8000])
@pytest.mark.parametrize("nested", [False, True])
def test_the_sound_of_a_talk_is_described_in_either_place_and_unit(world, talk, rate, nested):
    body = talk("Start")
    sound = body["OPTalk"].pop("AudioFormat") | {"SampleRate": rate}
    body["OPTalk"] |= {"Parameter": {"AudioFormat": sound}} if nested else {"AudioFormat": sound}
    peer = world.user()
    world.data_peer(peer).ask(1434, talk("Claim"))
    assert peer.ask(1430, body).ret == 100
    sound["EncodeType"] = "AAC"
    assert peer.ask(1430, talk("Stop")).ret == 100
    world.data_peer(peer).ask(1434, talk("Claim"))
    assert peer.ask(1430, body).ret == 102


def test_talk_goes_both_ways(world, talk):
    peer = world.user()
    line = world.data_peer(peer)
    line.ask(1434, talk("Claim"))
    peer.ask(1430, talk("Start"))
    frame = bytes.fromhex("000001fa0e024001") + bytes(range(256)) + bytes(64)
    for _ in range(5):
        line.send(1432, frame)
    assert (world.device.talk.packets, world.device.talk.total_bytes) == (5, 5 * 328)
    assert bytes(world.device.talk.recent) == frame * 5
    world.advance(1.0)
    heard = media(line.read(), 1433)
    assert 24 <= len(heard) <= 26
    assert all(packet.payload[:8] == frame[:8] and len(packet.payload) == 328 for packet in heard)


def test_sound_without_a_talk_is_not_played(world):
    peer = world.user()
    peer.send(1432, bytes(328))
    assert world.device.talk.packets == 0
    assert world.role.counters["talk_without_start"] == 1


def test_a_slow_reader_of_live_video_loses_whole_gops_and_is_counted(world, monitor):
    owner = world.user()
    data = world.data_peer(owner)
    data.ask(1413, monitor("Claim"))
    owner.ask(1410, monitor("Start"))
    world.advance(0.5)
    world.role.set_writable(data.connection, writable=False, now=world.now)
    data.read()
    world.advance(0.5)
    assert data.read() == []
    world.role.set_writable(data.connection, writable=True, now=world.now)
    world.advance(3.0)
    video = [packet.payload[3] for packet in media(data.read()) if packet.payload[:3] == b"\x00\x00\x01"]
    assert next(kind for kind in video if kind != 0xFA) == 0xFC
    (claim,) = world.role.media.claims()
    assert claim.sender.frames_dropped > 10


def test_a_slow_reader_of_a_download_gets_every_byte(world, playback):
    record = world.device.recordings(0, 0, "h264")[0]
    owner = world.user()
    data = world.data_peer(owner)
    data.ask(1424, playback("Claim", 0, record.file_name))
    owner.ask(1420, playback("DownloadStart", 0, record.file_name))
    received = 0
    while not received or received < world.device.recording_size(record):
        world.role.set_writable(data.connection, writable=False, now=world.now)
        world.advance(1.0)
        packets = data.read()
        assert sum(len(packet.payload) for packet in packets) < 600_000
        received += sum(len(packet.payload) for packet in packets)
        world.role.set_writable(data.connection, writable=True, now=world.now)
        world.advance(0.001)
        received += sum(len(packet.payload) for packet in data.read())
    assert received == world.device.recording_size(record)


def test_a_key_frame_can_be_forced(world, monitor):
    owner = world.user()
    data = world.data_peer(owner)
    data.ask(1413, monitor("Claim"))
    owner.ask(1410, monitor("Start"))
    world.advance(0.5)
    data.read()
    body = {"Name": "OPMonitor", "OPMonitor": {"Channel": 0, "StreamType": "Main"}}
    assert owner.ask(1562, body).ret == 100
    world.advance(0.1)
    assert 0xFC in {packet.payload[3] for packet in media(data.read())}
