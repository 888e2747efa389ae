"""Recordings fetched from the device over the bus: whole, resumed, held back, one at a time."""

import hashlib
import io
from datetime import UTC, datetime, timedelta
from functools import partial

import av
import pytest
from gb28181_rig import SMALL

from cambus.bus.transfer_sender import TransferSender
from cambus.client.transfer_reader import TransferReader
from cambus.connector_gb28181 import downloads
from cambus.gb28181.times import Times
from cambus.media.frame import Codec
from cambus.media.mpegps import ProgramStreamDemuxer
from cambus.schemas.commands import recording
from cambus.schemas.errors import Conflict, NotFound, Offline
from cambus.schemas.transfer import TransferOutcome, TransferResume
from cambus.simulators.gb28181.archive import ArchivePlan
from cambus.simulators.gb28181.quirks import Quirks
from cambus.simulators.video_loop import LoopStore

EPOCH = 1_714_800_000
FILES, FILE_S, FPS = 3, 20, 10
PLAN = ArchivePlan(FILES, FILE_S, EPOCH)
BEGIN = datetime.fromtimestamp(EPOCH - FILES * FILE_S, UTC)


class Desk:
    """Sends commands to one device and reads its transfers."""

    def __init__(self, bench, device, simulator):
        self.bench, self.device, self.simulator = bench, device, simulator

    async def begin(self, seconds=10, **fields):
        values = {"channel": 0, "start": BEGIN, "end": BEGIN + timedelta(seconds=seconds), **fields}
        request = recording.RecordingDownloadRequest(**values)
        return await self.bench.client.call(recording.DOWNLOAD, request, device=self.device)

    def reader(self, reply, **options):
        return TransferReader(self.bench.bus, reply.subject, offset=reply.offset, **options)

    async def fetch(self, seconds=10, **fields):
        reader = self.reader(await self.begin(seconds, **fields))
        return b"".join([chunk async for chunk in reader.chunks()]), reader.end

    async def stop(self, reply):
        request = recording.RecordingSessionRequest(session=reply.session)
        await self.bench.client.call(recording.STOP, request, device=self.device)


@pytest.fixture
def desk(bench, device):
    async def begin(**options):
        options.setdefault("quirks", Quirks(pace=0.0))
        return Desk(bench, device, await bench.online(device, archive=PLAN, media=SMALL, **options))

    return begin


def pictures(data):
    """The pictures of a program stream, by a reader that goes pack by pack."""
    demuxer, found = ProgramStreamDemuxer(), []
    packs = [b"\x00\x00\x01\xba" + pack for pack in data.split(b"\x00\x00\x01\xba")[1:]]
    for number, pack in enumerate(packs):
        found += demuxer.feed(pack, number * 3600, complete=True)
    return [unit.payload for unit in found if unit.codec in {Codec.H264, Codec.H265}]


def recorded(seconds):
    """The pictures the disk holds."""
    loop = LoopStore.shared.future(SMALL.spec(1, 0)).result()
    return [loop.unit(number).data for number in range(seconds * FPS)]


def decoded(data):
    """Pictures and samples, as FFmpeg reads the file."""
    with av.open(io.BytesIO(data)) as container:
        frames = list(container.decode(video=0))
    with av.open(io.BytesIO(data)) as container:
        samples = sum(frame.samples for frame in container.decode(audio=0))
    return frames, samples


@pytest.mark.parametrize("transport", ["udp", "tcp-passive", "tcp-active"])
async def test_a_recording_is_fetched_to_the_picture(desk, transport):
    quirks = Quirks(pace=4.0) if transport == "udp" else Quirks(pace=0.0)
    at = await desk(record={"options": {"media_transport": transport}}, quirks=quirks)
    reply = await at.begin()
    assert reply.content_type == "video/mp2p"
    reader = at.reader(reply)
    got = b"".join([chunk async for chunk in reader.chunks()])
    assert pictures(got) == recorded(10)
    assert (reader.end.outcome, reader.end.bytes) == (TransferOutcome.COMPLETE, len(got))
    assert reader.end.sha256 == hashlib.sha256(got).hexdigest()
    assert abs(reply.bytes - len(got)) < 0.1 * len(got)
    assert len(decoded_video(got)) == 10 * FPS
    (invite,) = (message.body.decode() for message in at.simulator.heard("INVITE"))
    assert "a=downloadspeed:4" in invite
    await at.simulator.wait_for(lambda: not at.simulator.sessions)


def decoded_video(data):
    """What FFmpeg makes of a program stream."""
    with av.open(io.BytesIO(data), format="mpeg") as container:
        return list(container.decode(video=0))


@pytest.mark.parametrize("profile", ["hik_nvr", "dahua_ipc", "std_2022"])
async def test_the_same_recording_gives_the_same_bytes_and_can_be_resumed(desk, profile):
    at = await desk(profile=profile)
    for form in ("native", "mp4"):
        whole, end = await at.fetch(format=form)
        have = whole[: len(whole) // 2 + 77]
        resume = TransferResume(bytes=len(have), sha256=hashlib.sha256(have).hexdigest())
        rest, resumed = await at.fetch(format=form, resume=resume)
        assert have + rest == whole
        assert resumed.sha256 == end.sha256


@pytest.mark.parametrize("codec", [Codec.H264, Codec.H265])
async def test_as_mp4_it_plays(bench, device, codec):
    await bench.online(device, archive=PLAN, media=SMALL.coded(codec), quirks=Quirks(pace=0.0))
    movie, _ = await Desk(bench, device, None).fetch(format="mp4")
    frames, samples = decoded(movie)
    assert len(frames) == 10 * FPS
    assert samples == pytest.approx(10 * 8000, abs=800)
    assert float(frames[-1].pts * frames[-1].time_base) == pytest.approx(10 - 1 / FPS, abs=0.01)


async def test_what_is_found_is_fetched_by_its_name(bench, desk):
    at = await desk()
    request = recording.RecordingFindRequest(channel=0, start=BEGIN, end=BEGIN + timedelta(seconds=FILE_S))
    (found,) = (await bench.client.call(recording.FIND, request, device=at.device)).recordings
    got, end = await at.fetch(recording=found.id, start=None, end=None)
    assert pictures(got) == recorded(FILE_S)
    assert [(part.name, part.bytes) for part in end.parts] == [(found.id, len(got))]


async def test_a_slow_reader_holds_the_device_back_and_loses_nothing(bench, desk, monkeypatch, eventually):
    monkeypatch.setattr(downloads, "HOLD_BYTES", 20_000)
    monkeypatch.setattr(downloads, "TransferSender", partial(TransferSender, window_bytes=30_000))
    at = await desk()
    reply = await at.begin(60)
    session = next(iter(bench.session(at.device).media.open_sessions))
    await eventually(lambda: session.media.held)  # nobody has read yet
    reader = at.reader(reply)
    got = b"".join([chunk async for chunk in reader.chunks()])
    assert pictures(got) == recorded(60)
    assert reader.end.outcome is TransferOutcome.COMPLETE


async def test_one_at_a_time(desk):
    at = await desk(quirks=Quirks(pace=1.0))
    reply = await at.begin()
    with pytest.raises(Conflict) as refused:
        await at.begin()
    assert refused.value.reason == "download-under-way"
    await at.stop(reply)
    await at.stop(await at.begin())
    await at.simulator.wait_for(lambda: not at.simulator.sessions)


async def test_no_faster_is_asked_for_than_the_channel_allows(bench, device):
    simulator = await bench.online(
        device, archive=PLAN, media=SMALL, record={"options": {"download_speed": 8}}
    )
    session = bench.session(device)
    code = simulator.channels[0]
    item = session.channels.item(code)
    item.info["DownloadSpeed"] = "1/2/4"
    at = Desk(bench, device, simulator)
    await at.stop(await at.begin())
    (invite,) = (message.body.decode() for message in simulator.heard("INVITE"))
    assert "a=downloadspeed:4" in invite


@pytest.mark.parametrize(("end", "whole"), [("outside", True), ("foreign", True), ("never", True)])
async def test_it_ends_however_the_device_says_so(desk, end, whole):
    at = await desk(quirks=Quirks(pace=0.0, end=end))
    got, said = await at.fetch()
    assert pictures(got) == recorded(10)
    assert (said.outcome is TransferOutcome.COMPLETE) is whole


async def test_a_device_that_stops_half_way_gives_a_part(bench, desk):
    at = await desk(quirks=Quirks(pace=0.0, stall_at=0.5))
    platform = bench.connectors["replica-1"].service.signalling.platform
    object.__setattr__(
        platform.settings, "times", Times(media_loss_s=1.0)
    )  # frozen; there is no setting for it
    got, said = await at.fetch()
    assert (said.outcome, said.reason) == (TransferOutcome.TRUNCATED, "incomplete")
    assert pictures(got) == recorded(5)


async def test_a_device_that_goes_breaks_the_download_off(desk):
    at = await desk(quirks=Quirks(pace=1.0))
    reply = await at.begin()
    reader = at.reader(reply)
    chunks = reader.chunks()
    await anext(chunks)
    await at.simulator.restart(unregister=True)
    try:
        async for _ in chunks:
            pass
    except Offline:
        return  # the session was closed before the end was read
    assert reader.end.outcome is TransferOutcome.INTERRUPTED


async def test_a_span_without_recordings_is_not_found(desk):
    at = await desk()
    with pytest.raises(NotFound) as refused:
        await at.begin(start=BEGIN - timedelta(days=3), end=BEGIN - timedelta(days=2))
    assert refused.value.reason == "no-recording"
    await at.stop(await at.begin())


async def test_what_a_device_writes_of_accounts_is_seen_nowhere(bench, desk, caplog):  # GB-131
    caplog.set_level("DEBUG")
    heard = await bench.heard((at := await desk(profile="hik_nvr")).device)
    await at.fetch()
    assert "zzgd1234" not in caplog.text
    await at.simulator.restart(unregister=True)
    told = []
    while not told or told[-1][0] != "device.offline":
        told.append(await heard.next())
    assert "zzgd1234" not in repr(told)
