"""Recordings fetched from the device over the bus: to the byte, resumed, slowed down, one at a time."""

import hashlib
import io
import itertools
from datetime import UTC, datetime, timedelta

import av
import pytest

from cambus.client.transfer_reader import TransferReader
from cambus.connector_dvrip import downloads
from cambus.connector_dvrip.throttle import Throttle
from cambus.media.frame import Kind
from cambus.schemas.commands import recording
from cambus.schemas.errors import Conflict, NotFound, Offline, Unsupported
from cambus.schemas.transfer import TransferOutcome, TransferResume
from cambus.simulators.dvrip import ArchivePlan, DvripSimulator
from cambus.simulators.dvrip.archive import Archive, Recording
from cambus.simulators.dvrip.sources import PlaybackSource

USER, PASSWORD = "admin", "c4nary-passw0rd"
FILE_S = 20


@pytest.fixture
async def recorder():
    """A recorder with six recordings of 20 s for each of two channels."""
    plan = ArchivePlan(files=6, file_s=FILE_S)
    async with DvripSimulator(user=USER, password=PASSWORD, channels=2, archive=plan, seed=3) as made:
        await made.prepare()
        yield made


class Desk:
    """Sends commands to one device and reads its transfers."""

    def __init__(self, bench, simulator, device):
        self.bench = bench
        self.sim = simulator.device
        self.device = device

    def recordings(self, channel=0):
        return self.sim.recordings(channel, 0, "h264")

    def utc(self, local):
        return self.bench.session(self.device).zone.to_utc(local)

    def content(self, *recordings, begin=None, end=None):
        """What the disk holds, as a device would send it."""
        source = PlaybackSource(recordings, self.sim.loop_of, begin=begin, end=end)
        frames = iter(source.next_frame, None)
        return b"".join(bytes(frame.head) + bytes(frame.body) for frame in frames)

    async def begin(self, **fields):
        request = recording.RecordingDownloadRequest(**{"channel": 0, **fields})
        return await self.bench.client.call(recording.DOWNLOAD, request, device=self.device)

    def reader(self, reply, **options):
        return TransferReader(self.bench.bus, reply.subject, offset=reply.offset, **options)

    async def fetch(self, **fields):
        reader = self.reader(await self.begin(**fields))
        return b"".join([chunk async for chunk in reader.chunks()]), reader.end

    async def stop(self, reply):
        request = recording.RecordingSessionRequest(session=reply.session)
        await self.bench.client.call(recording.STOP, request, device=self.device)


@pytest.fixture
async def desk(bench, recorder, device):
    await bench.online(device, recorder)
    return Desk(bench, recorder, device)


@pytest.mark.parametrize("ending", ["end_flag", "zero_length", "message_1423", "flag_on_last", "silence"])
async def test_a_recording_is_fetched_to_the_byte(bench, recorder, device, ending):
    recorder.quirks.end_of_file = ending
    await bench.online(device, recorder, options={"media_timeout_s": 2.0 if ending == "silence" else 300.0})
    desk = Desk(bench, recorder, device)
    wanted = desk.recordings()[2]
    reply = await desk.begin(recording=wanted.file_name)
    content = desk.content(wanted)
    assert reply.content_type == "application/x-dvrip-media"
    assert abs(reply.bytes - len(content)) < 1024
    reader = desk.reader(reply)
    got = b"".join([chunk async for chunk in reader.chunks()])
    assert got == content
    end = reader.end
    assert (end.outcome, end.bytes) == (TransferOutcome.COMPLETE, len(content))
    assert end.sha256 == hashlib.sha256(content).hexdigest()
    assert [(part.name, part.bytes) for part in end.parts] == [(wanted.file_name, len(content))]


async def test_the_second_channel_gives_its_own_recording(desk):
    wanted = desk.recordings(channel=1)[0]
    got, _ = await desk.fetch(channel=1, recording=wanted.file_name)
    assert got == desk.content(wanted)


@pytest.fixture
def opaque(monkeypatch):
    """The disk names its recordings in a way that tells nothing."""
    monkeypatch.setattr(
        Recording, "file_name", property(lambda each: f"vol7:{each.channel}:{each.stream}:{each.serial:x}")
    )

    def find(archive, name, **options):
        _, channel, stream, _ = name.split(":")
        files = archive.files(int(channel), int(stream), **options)
        return next((each for each in files if each.file_name == name), None)

    monkeypatch.setattr(Archive, "find", find)


async def test_a_recording_whose_name_tells_nothing_is_found_fetched_and_played(opaque, desk):
    wanted = desk.recordings(channel=1)[3]
    times = {"start": desk.utc(wanted.begin), "end": desk.utc(wanted.end)}
    request = recording.RecordingFindRequest(channel=1, **times)
    reply = await desk.bench.client.call(recording.FIND, request, device=desk.device)
    found = {each.id: each for each in reply.recordings}[wanted.file_name]
    assert (found.start, found.end) == (times["start"], times["end"])
    got, end = await desk.fetch(channel=1, recording=found.id)
    assert (got, end.outcome) == (desk.content(wanted), TransferOutcome.COMPLETE)
    watched = await desk.bench.watch(f"cambus.v1.media.{desk.device}.1.*")
    request = recording.RecordingPlayRequest(channel=1, recording=found.id, speed=16.0, ttl_s=60.0)
    await desk.bench.client.call(recording.PLAY, request, device=desk.device)
    frames = await watched.until(lambda frames: frames and frames[-1].end)
    loop = desk.sim.loop_of(wanted)
    pictures = [frame.payload for frame in frames if frame.kind is Kind.VIDEO]
    assert pictures == [bytes(loop.unit(number * 50).data) for number in range(FILE_S // 2)]  # one a group


async def test_a_span_is_walked_file_by_file_without_gap_or_overlap(desk):
    files = desk.recordings()
    got, end = await desk.fetch(
        start=desk.utc(files[1].begin + timedelta(seconds=8)),
        end=desk.utc(files[4].begin + timedelta(seconds=6)),
    )
    first = desk.content(files[1], begin=files[1].begin + timedelta(seconds=8))
    last = desk.content(files[4], end=files[4].begin + timedelta(seconds=6))
    assert got == first + desk.content(*files[2:4]) + last
    assert [part.name for part in end.parts] == [each.file_name for each in files[1:5]]
    assert end.parts[-1].offset + end.parts[-1].bytes == len(got)


async def test_what_an_earlier_download_left_is_not_sent_again(desk):
    wanted = desk.recordings()[0]
    content = desk.content(wanted)
    have = content[: len(content) // 2 + 77]
    resume = TransferResume(bytes=len(have), sha256=hashlib.sha256(have).hexdigest())
    got, end = await desk.fetch(recording=wanted.file_name, resume=resume)
    assert have + got == content
    assert end.sha256 == hashlib.sha256(content).hexdigest()


async def test_resuming_with_another_recording_is_refused(desk):
    first, second = desk.recordings()[:2]
    have = desk.content(first)[:500_000]
    have = have[:-1] + bytes([have[-1] ^ 1])
    resume = TransferResume(bytes=len(have), sha256=hashlib.sha256(have).hexdigest())
    with pytest.raises(Conflict) as refused:
        await desk.fetch(recording=second.file_name, resume=resume)
    assert refused.value.reason == "resume-mismatch"


async def test_as_mp4_it_plays_and_is_the_same_each_time(desk):
    start = desk.utc(desk.recordings()[1].begin)
    span = {"start": start, "end": start + timedelta(seconds=2 * FILE_S)}
    movie, end = await desk.fetch(**span, format="mp4")
    again, _ = await desk.fetch(**span, format="mp4")
    assert movie == again
    with av.open(io.BytesIO(movie)) as container:
        pts = [frame.pts * frame.time_base for frame in container.decode(video=0)]
    assert len(pts) == 2 * FILE_S * 25
    steps = {round(float(after - before), 4) for before, after in itertools.pairwise(pts)}
    assert steps == {0.04}  # over the border of two files too
    with av.open(io.BytesIO(movie)) as container:
        samples = sum(frame.samples for frame in container.decode(audio=0))
    assert samples == pytest.approx(2 * FILE_S * 8000, abs=800)
    have = movie[:300_000]
    resume = TransferResume(bytes=len(have), sha256=hashlib.sha256(have).hexdigest())
    rest, resumed = await desk.fetch(**span, format="mp4", resume=resume)
    assert have + rest == movie
    assert resumed.sha256 == end.sha256


async def test_a_second_download_is_refused_until_the_first_is_over(desk):
    first, second = desk.recordings()[:2]
    reply = await desk.begin(recording=first.file_name)
    with pytest.raises(Conflict) as refused:
        await desk.begin(recording=second.file_name)
    assert refused.value.reason == "download-under-way"
    await desk.stop(reply)
    with pytest.raises(Offline):
        _ = [chunk async for chunk in desk.reader(reply).chunks()]
    got, _ = await desk.fetch(recording=second.file_name)
    assert got == desk.content(second)


async def test_a_reader_that_does_not_read_holds_the_device_back_and_loses_nothing(bench, device):
    plan = ArchivePlan(files=1, file_s=600)
    async with DvripSimulator(user=USER, password=PASSWORD, channels=1, archive=plan, seed=3) as recorder:
        await recorder.prepare()
        await bench.online(device, recorder)
        desk = Desk(bench, recorder, device)
        wanted = desk.recordings()[0]
        size = desk.sim.recording_size(wanted)
        reader = desk.reader(await desk.begin(recording=wanted.file_name), ahead=1)
        chunks = reader.chunks()
        digest = hashlib.sha256(await anext(chunks))
        (claim,) = recorder.streams
        while claim.sender not in claim.connection.blocked:  # its socket takes no more
            await bench.bus.flush()
        frames = claim.sender.frames_sent
        assert frames < 0.6 * 600 * (25 + 25)
        async for chunk in chunks:
            digest.update(chunk)
        assert claim.sender.frames_sent > frames
        assert reader.end.bytes == size
        assert digest.hexdigest() == reader.end.sha256


@pytest.mark.parametrize(
    ("settings", "options"), [({}, 300_000), ({"dvrip_download_rate_bytes_s": 300_000}, None)]
)
async def test_a_rate_can_be_set_for_a_device_or_for_all(
    bench, recorder, device, monkeypatch, settings, options
):
    spent = []

    class Counted(Throttle):
        async def spend(self, count):
            spent.append((self._rate, count))

    monkeypatch.setattr(downloads, "Throttle", Counted)
    await bench.connector(**settings)
    await bench.online(
        device, recorder, options={} if options is None else {"download_rate_bytes_s": options}
    )
    desk = Desk(bench, recorder, device)
    got, _ = await desk.fetch(recording=desk.recordings()[0].file_name)
    assert {rate for rate, _ in spent} == {300_000}
    assert sum(count for _, count in spent) == len(got)


async def test_a_device_that_stops_early_gives_a_truncated_recording(bench, recorder, device):
    recorder.quirks.end_of_file = "silence"
    recorder.quirks.break_at_s, recorder.quirks.break_how = 10.0, "silent"
    await bench.online(device, recorder, options={"media_timeout_s": 0.5})
    desk = Desk(bench, recorder, device)
    wanted = desk.recordings()[0]
    got, end = await desk.fetch(recording=wanted.file_name)
    assert desk.content(wanted).startswith(got)
    assert (end.outcome, end.reason, end.bytes) == (TransferOutcome.TRUNCATED, "device-stopped", len(got))
    assert end.parts[0].outcome is TransferOutcome.TRUNCATED


async def test_a_device_that_hangs_up_leaves_an_interrupted_download_to_be_resumed(desk, recorder):
    recorder.quirks.break_at_s, recorder.quirks.break_how = 10.0, "rst"
    wanted = desk.recordings()[0]
    content = desk.content(wanted)
    have, end = await desk.fetch(recording=wanted.file_name)
    assert content.startswith(have)
    assert len(have) < len(content)
    assert (end.outcome, end.reason, end.bytes) == (
        TransferOutcome.INTERRUPTED,
        "connection-lost",
        len(have),
    )
    recorder.quirks.break_at_s = 0.0
    resume = TransferResume(bytes=len(have), sha256=end.sha256)
    rest, end = await desk.fetch(recording=wanted.file_name, resume=resume)
    assert have + rest == content
    assert end.outcome is TransferOutcome.COMPLETE
    metrics = desk.bench.connectors["replica-1"].runtime.metrics.render().decode()
    for outcome in ("interrupted", "complete"):
        assert f'cambus_dvrip_downloads_total{{outcome="{outcome}"}} 1.0' in metrics


async def test_what_is_not_there_is_refused_at_once(desk):
    with pytest.raises(NotFound):
        await desk.begin(recording="/idea0/2001-01-01/001/00.00.00-00.01.00[R][@1][0].h264")
    past = datetime(2001, 1, 1, tzinfo=UTC)
    with pytest.raises(NotFound):
        await desk.begin(start=past, end=past + timedelta(minutes=1))
    with pytest.raises(Unsupported):
        await desk.begin(recording=desk.recordings()[0].file_name, stream="third")
    got, _ = await desk.fetch(recording=desk.recordings()[0].file_name)  # nothing of it holds the slot
    assert got


async def test_recording_by_hand_is_switched_on_and_off(desk, bench, device):
    for on, mode in ((True, "ManualRecord"), (False, "ConfigRecord")):
        request = recording.RecordingManualRequest(channel=1, on=on)
        await bench.client.call(recording.MANUAL, request, device=device)
        assert desk.sim.config.find("Record")[1]["RecordMode"] == mode
        assert desk.sim.config.find("Record")[0]["RecordMode"] == "ConfigRecord"
    with pytest.raises(Unsupported):
        await bench.client.call(
            recording.LOCK, recording.RecordingLockRequest(recording="any"), device=device
        )
