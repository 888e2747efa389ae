"""What a record can say about a device that deviates, proven at the device."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from cambus.connector_dvrip.options import DvripOptions
from cambus.dvrip.password import hash_password
from cambus.media.frame import Codec
from cambus.schemas.commands import live, ptz, recording, serial, snapshot, talk

PASSWORD = "c4nary-passw0rd"


@pytest.fixture
def asked(simulator, monkeypatch):
    """Everything the recorder is asked: message id and body."""
    seen = []
    handle = simulator.role._handle

    def noting(request):
        if request.payload[:1] == b"{":
            seen.append((int(request.message_id), dict(request.body)))
        handle(request)

    monkeypatch.setattr(simulator.role, "_handle", noting)
    return seen


def bodies(asked, message_id):
    """The bodies of one message, without what the session adds."""
    return [
        {key: value for key, value in body.items() if key != "SessionID"}
        for number, body in asked
        if number == message_id
    ]


# --- logging in ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "shown"),
    [
        ({}, ("MD5", hash_password(PASSWORD))),
        ({"login_encryption": "MD5"}, ("MD5", hash_password(PASSWORD))),
        ({"login_encryption": "NONE"}, ("NONE", PASSWORD)),
    ],
)
async def test_the_password_is_shown_as_the_record_says(
    bench, simulator, device, monkeypatch, options, shown
):
    seen = set()
    check = simulator.device.accounts.check

    def noting(user, secret, encryption):
        seen.add((encryption, secret))
        return check(user, secret, encryption)

    monkeypatch.setattr(simulator.device.accounts, "check", noting)
    await bench.online(device, simulator, options=options)
    assert seen == {shown}


async def test_a_wrong_password_in_clear_is_refused_as_any_other(bench, simulator, device):
    await bench.connector()
    options = {"login_encryption": "NONE"}
    await bench.add(device, simulator, password="wr0ng-secret", options=options)
    presence = await bench.shown(device, lambda p: p.last_error is not None)
    assert (presence.last_error.reason, presence.state) == ("wrong-password", "credentials-rejected")
    assert "wr0ng-secret" not in presence.model_dump_json()


async def test_an_encryption_that_is_a_makers_own_is_reported_as_such(bench, simulator, device):
    simulator.quirks.login_code = 102  # 3DES and the like: what we show is not what it takes
    await bench.connector()
    await bench.add(device, simulator)
    presence = await bench.shown(device, lambda p: p.last_error is not None)
    assert (presence.state, presence.last_error.reason) == ("unsupported", "unsupported")
    assert "102" in presence.last_error.text


async def test_the_kind_of_login_is_an_option(bench, simulator, device):
    await bench.online(device, simulator, options={"login_type": "DVRIP-Mobile"})
    assert {session.login_type for session in simulator.sessions} == {"DVRIP-Mobile"}


async def test_a_device_that_ignores_keepalives_stays_if_the_record_knows(
    bench, simulator, device, monkeypatch
):
    whole = DvripOptions.timeouts
    monkeypatch.setattr(
        DvripOptions, "timeouts", lambda self, request_s: replace(whole(self, request_s), keepalive=0.1)
    )
    simulator.quirks.alive_interval = 1
    simulator.quirks.silent_ids = {1006}
    presence = await bench.online(device, simulator, options={"answers_keepalives": False})
    session = bench.session(device).client.control.session
    await simulator.wait_for(lambda: session.counters["keepalives"] >= 4, 30, "four are sent")
    assert session._keepalive.missed >= 3  # more than others are forgiven
    now = (await bench.presence.get(device)).value
    assert (now.online, now.since) == (True, presence.since)


# --- messages nobody documents --------------------------------------------------------------------------------


async def test_a_port_is_opened_and_closed_with_the_devices_own_bodies(bench, simulator, device, asked):
    own = {
        what: {
            "Name": "TransparentComm",
            "TransparentComm": {"Action": action, "Type": "$port", "Line": ["$line"], "Extra": "a $port"},
        }
        for what, action in (("serial_open", "Open"), ("serial_close", "Close"))
    }
    await bench.online(device, simulator, options={"undocumented_bodies": own})
    opened = await bench.client.call(serial.OPEN, serial.SerialOpenRequest(baud=19200), device=device)
    await bench.client.call(serial.CLOSE, serial.SerialCloseRequest(session=opened.session), device=device)
    first, last = bodies(asked, 1578)
    assert first["TransparentComm"] == {
        "Action": "Open",
        "Type": "RS485",
        "Line": [[19200, "None", 8, 1]],
        "Extra": "a $port",
    }
    assert last["TransparentComm"]["Action"] == "Close"


@pytest.mark.parametrize(
    ("own", "wanted"),
    [
        ({}, {"Name": "OPMonitor", "OPMonitor": {"Channel": 1, "StreamType": "Main"}}),
        ({"key_frame": {"Name": "IFrame", "Ch": "$channel"}}, {"Name": "IFrame", "Ch": 1}),
        ({"key_frame": None}, None),
    ],
)
async def test_a_key_frame_is_asked_for_as_the_record_says_or_never(
    bench, simulator, device, asked, own, wanted
):
    await bench.online(device, simulator, options={"undocumented_bodies": own})
    watched = await bench.view(device, channel=1)
    await watched.until(lambda frames: len(frames) > 3)
    request = live.LiveKeyframeRequest(channel=1, stream="main")
    await bench.client.call(live.KEYFRAME, request, device=device)
    count = len(watched.frames)
    await watched.until(lambda frames: len(frames) > count + 3)
    assert all(body == wanted for body in bodies(asked, 1562))
    assert bool(bodies(asked, 1562)) is (wanted is not None)


@pytest.mark.parametrize("known", [True, False])
async def test_a_key_frame_is_asked_for_when_a_second_viewer_joins(bench, simulator, device, asked, known):
    simulator.quirks.silent_ids = set() if known else {1562}
    await bench.online(device, simulator)
    watched = await bench.view(device, claimant="first")
    await watched.until(lambda frames: len(frames) > 3)
    before = len(bodies(asked, 1562))
    joined = await bench.view(device, claimant="second")
    await joined.until(lambda frames: any(frame.keyframe for frame in frames))
    await simulator.wait_for(lambda: len(bodies(asked, 1562)) == before + 1)
    await bench.view(device, claimant="second")  # whoever claims again has not begun again
    count = len(joined.frames)
    await joined.until(lambda frames: len(frames) > count + 3)
    assert len(bodies(asked, 1562)) == before + 1


@pytest.mark.parametrize("inside", [False, True])
async def test_the_format_of_a_talk_stands_where_the_device_looks_for_it(
    bench, simulator, device, asked, inside
):
    await bench.online(device, simulator, options={"talk_format_inside": inside})
    await bench.client.call(talk.START, talk.TalkStartRequest(), device=device)
    start = next(body["OPTalk"] for body in bodies(asked, 1430) if body["OPTalk"]["Action"] == "Start")
    place = start["Parameter"] if inside else start
    assert place["AudioFormat"]["EncodeType"] == "G711_ALAW"
    assert ("AudioFormat" in start) is not inside


# --- counting -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("base", [0, 1])
async def test_a_setting_is_counted_from_nought_however_channels_are(bench, simulator, device, base):
    await bench.online(device, simulator, options={"channel_base": base})
    request = recording.RecordingManualRequest(channel=1, on=True)
    await bench.client.call(recording.MANUAL, request, device=device)
    modes = [entry["RecordMode"] for entry in simulator.device.config.find("Record")]
    assert modes == ["ConfigRecord", "ManualRecord"]


@pytest.mark.parametrize("base", [0, 1])
async def test_a_device_that_counts_from_one_shows_turns_and_finds_the_same_camera(
    bench, simulator, device, monkeypatch, base
):
    """The second camera of ours is number 1 or 2 of theirs; the recorder is made to count as its record says."""
    channels, handle = {}, simulator.role._handle

    def translated(request):
        for section in request.body.values() if request.payload[:1] == b"{" else ():
            for place in (section, section.get("Parameter")) if isinstance(section, dict) else ():
                if isinstance(place, dict) and "Channel" in place:
                    channels.setdefault(int(request.message_id), set()).add(place["Channel"])
                    place["Channel"] -= base
        handle(request)

    monkeypatch.setattr(simulator.role, "_handle", translated)
    await bench.online(device, simulator, options={"channel_base": base})
    watched = await bench.view(device, 1)
    await watched.until(lambda frames: any(frame.codec is Codec.H265 for frame in frames))
    turn = ptz.PtzMoveRequest(channel=1, pan=0.5)
    await bench.client.call(ptz.MOVE, turn, device=device)
    assert simulator.head(1).moving
    assert not simulator.head(0).moving
    take = snapshot.SnapshotTakeRequest(channel=1)
    await bench.client.call(snapshot.TAKE, take, device=device)
    now = datetime.now(UTC)
    span = {"channel": 1, "start": now - timedelta(days=9000), "end": now + timedelta(days=1)}
    request = recording.RecordingFindRequest(**span)
    found = (await bench.client.call(recording.FIND, request, device=device)).recordings
    assert [each.id for each in found] == [
        each.file_name for each in simulator.device.recordings(1, 0, "h264")
    ]
    assert {each.channel for each in found} == {1}
    assert set().union(*channels.values()) == {1 + base}
    assert channels.keys() >= {1410, 1413, 1400, 1560, 1440}


# --- devices that dial in ------------------------------------------------------------------------------------


@pytest.mark.parametrize("by_claim", [False, True])
async def test_a_device_that_dialled_in_is_asked_for_media_with_the_id_it_knows(
    bench, simulator, device, asked, by_claim
):
    await bench.registered(device, simulator, options={"request_by_claim_id": by_claim})
    watched = await bench.view(device)
    await watched.until(lambda frames: len(frames) > 5)
    ids = {number for number, body in asked if body.get("OPMonitor", {}).get("Action") == "Request"}
    assert ids == ({1413} if by_claim else {1410})


@pytest.mark.parametrize(("own", "checked"), [(None, True), (True, True), (False, False)])
async def test_where_media_may_come_from_is_said_of_one_device(bench, simulator, device, own, checked):
    options = {} if own is None else {"registration_check_address": own}
    await bench.registered(device, simulator, options=options)
    assert bench.session(device).client._check_address is checked
