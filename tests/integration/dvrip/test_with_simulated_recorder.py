"""The whole client against the simulated recorder, in all its moods, with real H.264, H.265 and G.711."""

import asyncio
import hashlib
import io
import itertools
import json
import zipfile
from collections.abc import AsyncIterator

import av
import pytest

from cambus.dvrip.alarm_centre import AlarmCentreListener, AlarmCentreSettings
from cambus.dvrip.client import DvripClient
from cambus.dvrip.codes import AuthReason
from cambus.dvrip.errors import (
    AuthError,
    ConnectionLimit,
    ConnectionLost,
    DeviceError,
    EncryptedUnsupported,
    FragmentError,
    FramingError,
    MalformedPayload,
    RequestTimeout,
    TransportError,
)
from cambus.dvrip.frames import AudioFrame, VideoFrame
from cambus.dvrip.messages.ptz import Move
from cambus.dvrip.messages.search import FileQuery
from cambus.dvrip.operations.config import merged
from cambus.dvrip.operations.upgrade import UpgradeError, UpgradePhase
from cambus.dvrip.playback import Outcome
from cambus.dvrip.profile import Credentials, Profile, Topology
from cambus.dvrip.registered import RegisteredDevice
from cambus.dvrip.registration import RegistrationListener, RegistrationSettings, Verdict
from cambus.dvrip.remote import RemoteDevice
from cambus.dvrip.timeouts import Timeouts
from cambus.media.frame import Codec
from cambus.simulators.dvrip import DvripSimulator
from cambus.simulators.dvrip.archive import ArchivePlan
from cambus.simulators.dvrip.media_plan import MediaPlan
from cambus.simulators.video_loop import VideoSpec

PATIENT_S = 30.0
SMALL = MediaPlan(
    main=VideoSpec(width=320, height=240, bitrate=200_000),
    sub=VideoSpec(width=160, height=128, bitrate=64_000),
)


@pytest.fixture
async def recorder() -> AsyncIterator[DvripSimulator]:
    simulator = DvripSimulator(
        user="admin",
        password="admin",
        channels=2,
        media=SMALL,
        archive=ArchivePlan(files=3, file_s=4),
        seed=1,
    )
    async with simulator:
        simulator.quirks.lock_after = 0
        yield simulator


class Opened:
    """Clients of a recorder, closed at the end."""

    def __init__(self, recorder: DvripSimulator) -> None:
        self.recorder = recorder
        self.clients: list[DvripClient] = []

    def make(self, profile: Profile | None = None, password: str = "admin", **timeouts: float) -> DvripClient:
        client = DvripClient(
            "127.0.0.1",
            self.recorder.port,
            credentials=Credentials("admin", password),
            profile=profile,
            timeouts=Timeouts(**{"media_silence": 1.0, **timeouts}),
        )
        self.clients.append(client)
        return client

    async def open(self, profile: Profile | None = None, **timeouts: float) -> DvripClient:
        client = self.make(profile, **timeouts)
        await client.connect()
        return client


@pytest.fixture
async def opened(recorder: DvripSimulator) -> AsyncIterator[Opened]:
    opened = Opened(recorder)
    yield opened
    async with asyncio.timeout(PATIENT_S):
        await asyncio.gather(*(client.close() for client in opened.clients), return_exceptions=True)


async def take(stream, count):
    async with asyncio.timeout(PATIENT_S):
        return [await anext(stream) for _ in range(count)]


async def tour(client: RemoteDevice, recorder: DvripSimulator) -> None:
    """Everything a connector does with a device, once."""
    info = await client.system.info()
    assert info.serial == recorder.device.identity.serial
    assert info.channels() == 2
    assert (await client.system.storage())[0].partitions
    assert len((await client.system.work_state()).channels) == 2
    assert (await client.system.functions()).has("AlarmFunction", "MotionDetect")
    assert await client.machine.time()
    await client.config.merge("NetWork.NetCommon", {"HostName": "tour"})
    assert (await client.config.get("NetWork.NetCommon"))["HostName"] == "tour"
    titles = await client.config.channel_titles()
    await client.config.set_channel_titles(titles)
    assert any(user.name == "admin" for user in await client.users.users())
    await client.ptz.start(0, Move.RIGHT)
    await client.ptz.stop(0, Move.RIGHT)
    await client.alarms.guard()
    with client.events() as events:
        recorder.raise_alarm("motion", channel=1)
        async with asyncio.timeout(PATIENT_S):
            alarm = await anext(events)
        assert (alarm.report.event, alarm.report.channel) == ("motion", 1)
        assert alarm.acknowledge()
    live = await client.open_live(0)
    first = (await take(live, 6))[0]
    assert isinstance(first, VideoFrame)
    assert (first.keyframe, first.codec, first.width, first.height) == (True, Codec.H264, 320, 240)
    day = (await client.machine.time()).replace(hour=0, minute=0, second=0)
    files = await client.files.find(
        FileQuery(0, day.replace(year=day.year - 1), day.replace(year=day.year + 1))
    )
    assert len(files) == 3
    record = files[0]
    download = await client.open_playback(0, record.name, expected_kib=record.length_kib, download=True)
    async with asyncio.timeout(PATIENT_S):
        got = [frame async for frame in download]
    assert download.outcome is Outcome.COMPLETE
    assert (record.length_kib - 1) * 1024 < download.bytes_received <= record.length_kib * 1024
    assert sum(len(frame.serialize()) for frame in got) == download.bytes_received
    await download.close()
    assert (await client.snapshot(0)).startswith(b"\xff\xd8")
    await live.stop()
    assert client.is_online
    assert client.counters["malformed_pushes"] == 0


TAILS = ["lfnul", "lf", "nul", "none", "crlf"]
VERSIONS = [0, 1, 7]
FRAGMENTS = [0, 150, 1000]
TOPOLOGIES = [Topology.TWO_SOCKETS, Topology.OWN_SESSION]
START_REPLIES = ["never", "before", "after"]


MATRIX = list(itertools.product(VERSIONS, FRAGMENTS, TOPOLOGIES, START_REPLIES))


async def tours(recorder, opened, tail, matrix) -> None:
    recorder.quirks.tail = tail
    recorder.quirks.pace = 0
    for version, fragment_bytes, topology, start_reply in matrix:
        recorder.quirks.version = version
        recorder.quirks.fragment_bytes = fragment_bytes
        recorder.quirks.start_reply = start_reply
        client = await opened.open(Profile(topology=topology))
        try:
            await tour(client, recorder)
        except Exception as error:
            error.add_note(f"{version=} {fragment_bytes=} {topology=} {start_reply=}")
            raise
        await client.close()
    await recorder.wait_for(lambda: recorder.connection_count == 0)


@pytest.mark.parametrize("tail", TAILS)
async def test_the_tour_in_a_cross_section_of_wire_modes(recorder, opened, tail):
    start = TAILS.index(tail)
    await tours(recorder, opened, tail, MATRIX[start::11])  # 11 is prime to every dimension: all values occur


@pytest.mark.slow
@pytest.mark.parametrize("tail", TAILS)
async def test_the_tour_in_every_tail_version_fragment_topology_and_answer_to_start(recorder, opened, tail):
    await tours(recorder, opened, tail, MATRIX)


@pytest.mark.parametrize(
    "quirks",
    [
        {"sequence": "echo_plus_1"},
        {"sequence": "own"},
        {"sequence": "zero"},
        {"sid_format": "short"},
        {"sid_format": "ten_digits"},
        {"sid_format": "lower"},
        {"sid_format": "none"},
        {"keys": "modern"},
        {"alive_interval": -1},
        {"device_type_space": False},
        {"text_encoding": "gbk"},
        {"text_encoding": "latin-1"},
        {"raw_control": True},
        {"segment_bytes": 1, "fragment_bytes": 700},
        {"fragment_bytes": 150, "fragment_order": "shuffled"},
        {"chunk_mode": "frame"},
        {"chunk_mode": "joined"},
        {"chunk_mode": "dribble"},
        {"chunk_mode": "split_header"},
        {"chunk_bytes": 100},
        {"media_marks": True},
        {"mid_gop_start": True},
        {"service_blocks": True},
        {"info_frames": True, "audio": False},
        {"end_of_file": "flag_on_last"},
        {"end_of_file": "zero_length"},
        {"end_of_file": "message_1423"},
        {"end_of_file": "message_1423_json"},
        {"end_of_file": "silence"},
        {"list_keys": "seed"},
        {"search_codes": "110_111"},
        {"snapshot": "many"},
        {"snapshot": "frame"},
        {"alarm_misspelled": True},
        {"topology": "one_socket"},
        {"topology": "two_sockets"},
        {"double_ids": {1020, 1042, 1440}},
        {"config_merge": False},
    ],
    ids=str,
)
async def test_the_tour_in_every_other_mood(recorder, opened, quirks):
    recorder.quirks.pace = 0
    recorder.quirks.update(quirks)
    client = await opened.open()
    await tour(client, recorder)


async def test_the_seed_ids_work_for_both(recorder, opened):
    recorder.quirks.seed_ids = True
    recorder.quirks.pace = 0
    client = await opened.open(Profile(seed_ids=True))
    await tour(client, recorder)
    await client.close()
    await recorder.wait_for(lambda: not recorder.sessions)


# decoding


@pytest.mark.parametrize(("channel", "codec", "decoder"), [(0, Codec.H264, "h264"), (1, Codec.H265, "hevc")])
@pytest.mark.parametrize("source", ["live", "download"])
async def test_an_independent_decoder_takes_every_frame(recorder, opened, channel, codec, decoder, source):
    recorder.quirks.service_blocks = True
    recorder.quirks.mid_gop_start = source == "live"
    recorder.quirks.pace = 4 if source == "live" else 0
    client = await opened.open()
    if source == "live":
        stream = await client.open_live(channel)
        frames = await take(stream, 300)
        await stream.stop()
        assert stream.counters["service_blocks"] > 0
    else:
        day = await client.machine.time()
        span = FileQuery(channel, day.replace(year=day.year - 1), day.replace(year=day.year + 1))
        (record, *_) = await client.files.find(span)
        download = await client.open_playback(channel, record.name, download=True)
        async with asyncio.timeout(PATIENT_S):
            frames = [frame async for frame in download]
        await download.close()
    video = [frame for frame in frames if isinstance(frame, VideoFrame)]
    assert {frame.codec for frame in video} == {codec}
    assert any(isinstance(frame, AudioFrame) and frame.codec is Codec.PCMA for frame in frames)
    context = av.CodecContext.create(decoder, "r")
    pictures = [picture for frame in video for picture in context.decode(av.Packet(frame.payload))]
    pictures += context.decode(None)
    assert len(pictures) == len(video)
    assert {(picture.width, picture.height) for picture in pictures} == {(320, 240)}


# what goes wrong


@pytest.mark.parametrize(("code", "reason"), [(203, AuthReason.BAD_PASSWORD), (106, AuthReason.BAD_PASSWORD)])
@pytest.mark.parametrize("form", ["full", "short"])
async def test_a_wrong_password(recorder, opened, code, reason, form):
    recorder.quirks.wrong_password_code = code
    recorder.quirks.login_failure_form = form
    with pytest.raises(AuthError) as caught:
        await opened.make(password="wrong").connect()
    assert caught.value.reason is reason


async def test_a_locked_user(recorder, opened):
    recorder.quirks.lock_after = 2
    reasons = []
    for _ in range(3):
        with pytest.raises(AuthError) as caught:
            await opened.make(password="wrong").connect()
        reasons.append(caught.value.reason)
    assert reasons[-1] is AuthReason.LOCKED


@pytest.mark.parametrize("how", ["close", "code"])
async def test_a_full_device(recorder, opened, how):
    recorder.quirks.max_connections = 1
    recorder.quirks.over_limit = how
    await opened.open()
    with pytest.raises(ConnectionLimit):
        await opened.make().connect()


async def test_encrypted_logins_are_named(recorder, opened):
    recorder.quirks.login_reply = "encrypted"
    with pytest.raises(EncryptedUnsupported):
        await opened.make().connect()


async def test_a_login_that_is_never_answered(recorder, opened):
    recorder.quirks.login_reply = "never"
    with pytest.raises(RequestTimeout) as caught:
        await opened.make(login=0.2).connect()
    assert caught.value.name == "login"


@pytest.mark.parametrize("order", ["duplicate", "hole", "changed_total"])
async def test_parts_that_do_not_fit_fail_their_request_alone(recorder, opened, order):
    client = await opened.open(fragment=0.2)
    recorder.quirks.fragment_bytes = 60
    recorder.quirks.fragment_order = order
    with pytest.raises(FragmentError):
        await client.system.info()
    recorder.quirks.fragment_order = "in_order"
    assert (await client.system.info()).serial
    assert client.is_online


async def test_a_slow_answer_is_waited_for_and_a_late_one_drops_the_session(recorder, opened):
    recorder.quirks.delay_s = {1020: 0.3}
    client = await opened.open(request=5.0)
    assert (await client.system.info()).serial
    impatient = await opened.open(request=0.1)
    with pytest.raises(RequestTimeout):
        await impatient.system.info()
    assert not impatient.is_online


@pytest.mark.parametrize("fault", ["wrong_flag", "huge_length"])
async def test_lost_framing_ends_the_session(recorder, opened, fault):
    client = await opened.open()
    recorder.inject(fault)
    async with asyncio.timeout(PATIENT_S):
        assert isinstance(await client.wait_closed(), FramingError)


@pytest.mark.parametrize("fault", ["json_bomb", "duplicate_keys", "not_json", "array"])
async def test_a_broken_body_fails_its_request_alone(recorder, opened, fault):
    client = await opened.open()
    recorder.quirks.reply_fault = {1020: fault}
    with pytest.raises(MalformedPayload):
        await client.system.info()
    recorder.quirks.reply_fault = {}
    assert (await client.system.info()).serial


async def test_unknown_messages_are_skipped(recorder, opened):
    client = await opened.open()
    recorder.inject("unknown_id")
    assert (await client.system.info()).serial
    counters = client.control.session.counters
    assert counters["unknown_messages"] + counters["unexpected_replies"] == 1


async def test_a_dropped_session_is_noticed(recorder, opened):
    client = await opened.open()
    live = await client.open_live(0)
    await take(live, 3)
    recorder.drop()
    async with asyncio.timeout(PATIENT_S):
        assert isinstance(await client.wait_closed(), ConnectionLost)
    with pytest.raises(ConnectionLost):
        async for _ in live:
            pass


async def test_a_forced_logout(recorder, opened):
    client = await opened.open()
    recorder.force_logout()
    async with asyncio.timeout(PATIENT_S):
        assert isinstance(await client.wait_closed(), ConnectionLost)


@pytest.mark.parametrize("how", ["silent", "close", "rst", "half_close"])
async def test_a_stream_that_breaks_off(recorder, opened, how):
    recorder.quirks.break_at_s = 0.3
    recorder.quirks.break_how = how
    client = await opened.open(media_silence=0.5)
    live = await client.open_live(0)
    with pytest.raises((ConnectionLost, RequestTimeout)):
        await take(live, 100_000)
    assert client.is_online
    await live.stop()


@pytest.mark.parametrize("quirk", ["corrupt_length_at", "garbage_at"])
async def test_a_spoiled_stream_goes_on_with_a_key_frame(recorder, opened, quirk):
    setattr(recorder.quirks, quirk, 10)
    recorder.quirks.pace = 4
    recorder.quirks.audio = False
    client = await opened.open()
    live = await client.open_live(0)
    frames = await take(live, 150)
    assert live.counters["resyncs"] >= 1
    after = [frame for frame in frames if frame.discontinuity]
    assert after
    assert all(frame.keyframe for frame in after)
    context = av.CodecContext.create("h264", "r")
    for frame in frames[frames.index(after[-1]) :]:
        context.decode(av.Packet(frame.payload))


async def test_a_change_of_codec_is_marked(recorder, opened):
    recorder.quirks.change_codec_at_s = 0.5
    client = await opened.open()
    live = await client.open_live(0)
    async with asyncio.timeout(PATIENT_S):
        async for frame in live:
            if isinstance(frame, VideoFrame) and frame.format_changed:
                break
    assert (frame.codec, frame.keyframe) == (Codec.H265, True)
    after = [frame, *(each for each in await take(live, 40) if isinstance(each, VideoFrame))]
    assert {each.codec for each in after} == {Codec.H265}
    context = av.CodecContext.create("hevc", "r")
    pictures = [picture for each in after for picture in context.decode(av.Packet(each.payload))]
    assert len(pictures + context.decode(None)) == len(after)


async def test_an_offline_channel_is_not_an_offline_device(recorder, opened):
    recorder.quirks.offline_channels = {1}
    client = await opened.open()
    with pytest.raises(DeviceError) as caught:
        await client.open_live(1)
    assert caught.value.code == 121
    live = await client.open_live(0)
    await take(live, 2)


@pytest.mark.parametrize(
    "quirk",
    [
        {"recordings": 200},
        {"recordings": 200, "equal_begin": True},
        {"recordings": 700, "search_ceiling": 511},
    ],
)
async def test_long_archives_are_listed_whole(recorder, opened, quirk):
    recorder.quirks.update(quirk)
    client = await opened.open()
    day = await client.machine.time()
    found = await client.files.find(
        FileQuery(0, day.replace(year=day.year - 1), day.replace(year=day.year + 1))
    )
    assert len(found) == len({record.name for record in found}) == quirk["recordings"]


async def test_configuration_in_roots_and_silent_roots(recorder, opened):
    client = await opened.open(config_root=0.3)
    whole = await client.config.get("Detect.MotionDetect")
    recorder.quirks.config_607 = {"Detect.MotionDetect"}
    assert await client.config.get("Detect.MotionDetect") == whole
    recorder.quirks.config_silent = {"Detect"}
    assert await client.config.get("Detect.MotionDetect") == whole
    assert client.is_online


# upgrades


async def test_an_upgrade_arrives_bit_exact_and_the_device_comes_back_new(recorder, opened):
    client = await opened.open()
    before = await client.system.info()
    from_info = await client.upgrades.info()
    assert from_info.hardware
    image = _package(from_info)
    seen = []
    async with asyncio.timeout(PATIENT_S):
        await client.upgrades.run(image, confirm=True, on_progress=seen.append)
        await client.wait_closed()
    assert recorder.images[-1].sha256 == hashlib.sha256(image).hexdigest()
    assert seen[-1].percent == 100

    again = await come_back(opened)
    assert (await again.system.info()).software_version != before.software_version


async def come_back(opened) -> DvripClient:
    """A session with a device that is restarting."""
    async with asyncio.timeout(PATIENT_S):
        while True:
            try:
                return await opened.open()
            except TransportError:
                await asyncio.sleep(0.05)


def _package(info) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(
            "InstallDesc",
            json.dumps({"Hardware": info.hardware, "Vendor": info.vendor, "UpgradeCommand": []}),
        )
        archive.writestr("app.img", bytes(range(256)) * 300)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("quirk", "phase", "is_unknown"),
    [
        ({"upgrade_start_code": 511}, UpgradePhase.STARTING, False),
        ({"upgrade_start_code": 107}, UpgradePhase.STARTING, False),
        ({"upgrade_bad_packet": 2}, UpgradePhase.SENDING, False),
        ({"upgrade_silent_packet": 2}, UpgradePhase.SENDING, False),
        ({"upgrade_reboot_packet": 2}, UpgradePhase.SENDING, False),
        ({"upgrade_close_after_end": True}, UpgradePhase.WRITING, True),
        ({"upgrade_stall_at": 20}, UpgradePhase.WRITING, True),
        ({"upgrade_reboot_at": 95}, UpgradePhase.WRITING, True),
        ({"upgrade_result": 514}, UpgradePhase.WRITING, False),
        ({"upgrade_result": 512}, UpgradePhase.WRITING, False),
    ],
    ids=str,
)
async def test_upgrades_that_fail_say_where_and_whether_it_is_known(
    recorder, opened, quirk, phase, is_unknown
):
    recorder.quirks.update(quirk)
    client = await opened.open(upgrade_ack=0.5, upgrade_progress=1.5)
    image = _package(await client.upgrades.info())
    async with asyncio.timeout(PATIENT_S):
        with pytest.raises(UpgradeError) as caught:
            await client.upgrades.run(image, confirm=True)
    assert (caught.value.phase, caught.value.is_unknown) == (phase, is_unknown)


# the device dials


class Registrar:
    """A listener for registrations and the devices it reported."""

    def __init__(self) -> None:
        self.devices: asyncio.Queue[RegisteredDevice] = asyncio.Queue()
        settings = RegistrationSettings(host="127.0.0.1", port=0, timeouts=Timeouts(media_silence=1.0))
        self.listener = RegistrationListener(
            settings, lambda login, address: Verdict(login.check_password("pw")), self.devices.put_nowait
        )

    async def next(self) -> RegisteredDevice:
        async with asyncio.timeout(PATIENT_S):
            return await self.devices.get()


@pytest.fixture
async def registrar() -> AsyncIterator[Registrar]:
    registrar = Registrar()
    await registrar.listener.start()
    yield registrar
    async with asyncio.timeout(PATIENT_S):
        await registrar.listener.close()


def das(port: int) -> dict:
    return {
        "Enable": True,
        "DeviceID": "gate-7",
        "UserName": "device",
        "Password": "pw",
        "ServerAddr": "127.0.0.1",
        "Port": port,
    }


@pytest.mark.parametrize(
    "quirks",
    [
        {},
        {"das_login_id": "999"},
        {"das_login_id": "1008"},
        {"das_secret": "none_plain"},
        {"das_secret": "none_hash"},
        {"das_id_form": "devicid"},
        {"tail": "crlf", "fragment_bytes": 150},
    ],
    ids=str,
)
async def test_the_whole_tour_over_a_connection_the_device_made(recorder, opened, registrar, quirks):
    recorder.quirks.pace = 0
    recorder.quirks.update(quirks)
    dialled = await opened.open()
    await dialled.config.merge("NetWork.DAS", das(registrar.listener.port))
    device = await registrar.next()
    assert device.device_id == "gate-7"
    await tour(device, recorder)
    await dialled.config.merge("NetWork.DAS", {"Enable": False})
    async with asyncio.timeout(PATIENT_S):
        await device.wait_closed()


async def test_an_upgrade_over_a_connection_the_device_made(recorder, opened, registrar):
    dialled = await opened.open()
    await dialled.config.merge("NetWork.DAS", das(registrar.listener.port))
    device = await registrar.next()
    image = _package(await device.upgrades.info())
    async with asyncio.timeout(PATIENT_S):
        await device.upgrades.run(image, confirm=True)
        await device.wait_closed()
    assert recorder.images[-1].sha256 == hashlib.sha256(image).hexdigest()
    again = await registrar.next()
    assert again.is_online


async def test_the_loss_of_the_main_connection_ends_its_streams_and_the_device_returns(
    recorder, opened, registrar
):
    dialled = await opened.open()
    await dialled.config.merge("NetWork.DAS", das(registrar.listener.port))
    device = await registrar.next()
    live = await device.open_live(0)
    await take(live, 3)
    recorder.registration.drop_main()
    with pytest.raises(ConnectionLost):
        await take(live, 100_000)
    await live.stop()
    again = await registrar.next()
    assert await again.system.info()


@pytest.mark.parametrize("style", ["oneshot", "persistent", "split", "joined"])
@pytest.mark.parametrize("shape", ["flat", "named"])
async def test_alarm_centre_messages_in_every_style(recorder, opened, style, shape):
    reports: asyncio.Queue = asyncio.Queue()
    listener = AlarmCentreListener(
        AlarmCentreSettings(host="127.0.0.1", port=0),
        lambda report, address: report.serial or None,
        lambda report, device, address: reports.put_nowait((report, device)),
    )
    await listener.start()
    recorder.quirks.centre_style = style
    recorder.quirks.centre_shape = shape
    client = await opened.open()
    server = {"Address": "0x0100007F", "Port": listener.port, "Name": ""}
    entry = {"Enable": True, "Alarm": True, "Log": False, "Protocol": "GENERAL", "Server": server}
    await client.config.edit("NetWork.AlarmServer", lambda value: [merged(value[0], entry), *value[1:]])
    for channel in (0, 1):
        recorder.raise_alarm("motion", channel=channel)
    async with asyncio.timeout(PATIENT_S):
        got = [await reports.get() for _ in range(2)]
    await listener.close()
    assert [(report.event, report.native, report.channel) for report, _ in got] == [
        ("motion", "MotionDetect", 0),
        ("motion", "MotionDetect", 1),
    ]
    assert {device for _, device in got} == {recorder.device.identity.serial}
