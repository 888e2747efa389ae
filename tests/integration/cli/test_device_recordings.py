"""Fetching and playing what devices recorded themselves; the device here is a sender a test can break."""

import asyncio
import hashlib
import json
import os

import pytest

from cambus.bus.transfer_sender import TransferAbandonedError, TransferSender
from cambus.cli import fetching
from cambus.client import transfer_reader
from cambus.schemas.commands import media_relay, recording
from cambus.schemas.errors import Conflict
from cambus.schemas.model import Done
from cambus.schemas.transfer import TransferOutcome

DATA = os.urandom(1_500_000)
SPAN = ("--from", "2026-02-01T12:00:00Z", "--to", "2026-02-01T12:05:00Z")


class FakeDevice:
    """Gives `data`; each entry of `breaks` is a number of bytes after which the connector is gone once."""

    def __init__(self, bus):
        self.bus = bus
        self.data = DATA
        self.breaks = []
        self.outcome = TransferOutcome.COMPLETE
        self.asked = []
        self.told = []
        self.busy = 0
        self.tasks = set()
        self.spoil = False

    async def download(self, context, request):
        self.asked.append(request)
        if self.busy:
            self.busy -= 1
            raise Conflict("another download is under way", reason="download-under-way")
        name = f"dl-{len(self.asked)}-{id(self)}"
        sender = await TransferSender(self.bus, name, resume=request.resume, window_bytes=100_000).open()
        task = asyncio.create_task(self.produce(sender))
        self.tasks.add(task)
        return recording.RecordingDownloadReply(
            session=name,
            subject=sender.subject,
            content_type="video/mp4",
            bytes=len(self.data),
            offset=request.resume.bytes if request.resume else 0,
        )

    async def produce(self, sender):
        stop = self.breaks.pop(0) if self.breaks else None
        try:
            for start in range(0, len(self.data), 10_000):
                if stop is not None and start >= stop:
                    return
                await sender.write(self.data[start : start + 10_000])
            if self.spoil:
                sender._window._digest.update(b"x")
            sender.end_part("/rec/0", 0, self.outcome)
            sender.finish(self.outcome)
            await sender.wait_over()
        except (TransferAbandonedError, Conflict):
            await asyncio.Event().wait()
        finally:
            await sender.close()

    async def play(self, context, request):
        self.asked.append(request)
        return recording.RecordingPlayReply(
            session="pb-1", subject=f"cambus.v1.media.{context.device}.0.s-pb-1", ttl_s=60.0
        )

    async def tell(self, context, request):
        self.told.append((context.command, request))
        return Done()

    async def speed(self, context, request):
        self.told.append((context.command, request))
        return recording.RecordingSpeedReply(speed=request.speed)

    async def close(self):
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)


@pytest.fixture
async def fake(bus, service, device, monkeypatch):
    monkeypatch.setattr(fetching, "PAUSE_S", 0.0)
    monkeypatch.setattr(transfer_reader, "BACK_S", 0.0)
    made = FakeDevice(bus)
    service.add(recording.DOWNLOAD, made.download)
    service.add(recording.PLAY, made.play)
    service.add(recording.SPEED, made.speed)
    for spec in (recording.STOP, recording.PAUSE, recording.RESUME, recording.SEEK):
        service.add(spec, made.tell)
    await service.start()
    await service.hold(device)
    yield made
    await made.close()


@pytest.fixture
def download(cambusctl, fake, device, tmp_path):
    target = tmp_path / "gate.h264"

    async def run(*arguments):
        return await cambusctl("recordings", "download", device, "0", *arguments, "-o", str(target))

    return run


async def test_a_recording_becomes_a_file_once_it_is_checked(download, fake, tmp_path):
    ran = await download("/rec/0", "--json")
    assert ran.code == 0
    assert (tmp_path / "gate.h264").read_bytes() == DATA
    assert [path.name for path in tmp_path.iterdir()] == ["gate.h264"]
    document = ran.document
    assert document["sha256"] == hashlib.sha256(DATA).hexdigest()
    assert (document["outcome"], document["bytes"]) == ("complete", len(DATA))
    assert document["parts"][0]["name"] == "/rec/0"
    (request,) = fake.asked
    assert (request.recording, request.start, request.format) == ("/rec/0", None, "native")


async def test_a_span_as_mp4(download, fake):
    ran = await download(*SPAN, "--mp4")
    assert (ran.code, "1.4 MiB" in ran.out) == (0, True)
    (request,) = fake.asked
    assert (request.recording, request.format, request.end.minute) == (None, "mp4", 5)


async def test_it_goes_on_when_the_connector_comes_back(download, fake, tmp_path):
    fake.breaks = [300_000, 0, 900_000]
    ran = await download("/rec/0")
    assert ran.code == 0
    assert "trying again" in ran.err
    assert (tmp_path / "gate.h264").read_bytes() == DATA
    assert [bool(request.resume) for request in fake.asked] == [False, True, True, True]
    assert all(request.resume.bytes > 0 for request in fake.asked[1:])


async def test_run_again_the_command_goes_on_where_it_was(download, fake, tmp_path):
    fake.breaks = [500_000, 0, 0]
    ran = await download(*SPAN, "--wait", "0", "--json")
    assert ran.code == 4
    assert (ran.error["reason"], ran.document["bytes"] > 0) == ("interrupted", True)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["gate.h264.part", "gate.h264.part.json"]
    have = (tmp_path / "gate.h264.part").read_bytes()
    assert DATA.startswith(have)
    fake.breaks.clear()
    asked = len(fake.asked)
    ran = await download(*SPAN)
    assert ran.code == 0
    assert fake.asked[asked].resume.bytes == len(have)
    assert fake.asked[asked].start == fake.asked[0].start
    assert (tmp_path / "gate.h264").read_bytes() == DATA


async def test_another_order_begins_anew(download, fake, tmp_path):
    fake.breaks = [500_000, 0]
    assert (await download("/rec/0", "--wait", "0")).code == 4
    assert (await download("/rec/1")).code == 0
    assert fake.asked[-1].resume is None


async def test_what_is_there_but_not_the_same_is_fetched_anew(download, fake, tmp_path):
    fake.breaks = [500_000, 0]
    assert (await download("/rec/0", "--wait", "0")).code == 4
    fake.data = os.urandom(700_000)
    ran = await download("/rec/0")
    assert (ran.code, "beginning anew" in ran.err) == (0, True)
    assert (tmp_path / "gate.h264").read_bytes() == fake.data


async def test_a_note_that_makes_no_sense_begins_anew(download, fake, tmp_path):
    for note in ("", "{}", '{"typed": {}}', json.dumps([1])):
        (tmp_path / "gate.h264.part.json").write_text(note)
        (tmp_path / "gate.h264.part").write_bytes(b"something else")
        assert (await download("/rec/0", "--overwrite")).code == 0
        assert (tmp_path / "gate.h264").read_bytes() == DATA


async def test_another_download_is_waited_for(download, fake):
    fake.busy = 3
    ran = await download("/rec/0")
    assert ran.code == 0
    fake.busy = 100
    ran = await download("/rec/1", "--overwrite", "--wait", "0")
    assert (ran.code, "409 download-under-way" in ran.err) == (3, True)


async def test_a_device_that_stopped_early_leaves_a_file_and_a_failure(download, fake, tmp_path):
    fake.outcome = TransferOutcome.TRUNCATED
    ran = await download("/rec/0")
    assert (ran.code, "stopped early: /rec/0" in ran.err) == (1, True)
    assert (tmp_path / "gate.h264").read_bytes() == DATA


async def test_what_does_not_fit_its_digest_gets_no_name(download, fake, tmp_path):
    fake.spoil = True
    ran = await download("/rec/0", "--json")
    assert (ran.code, ran.error["reason"]) == (1, "damaged")
    assert not (tmp_path / "gate.h264").exists()


async def test_a_device_that_is_away_is_told_of_at_once(cambusctl, tmp_path):
    ran = await cambusctl("recordings", "download", "nobody", "0", "/rec/0", "-o", str(tmp_path / "x"))
    assert (ran.code, "there is no device nobody" in ran.err) == (4, True)


@pytest.mark.parametrize(
    "arguments", [(), ("--from", "-5m"), ("--from", "now", "--to", "-5m"), ("/rec/0", "--stream", "x")]
)
async def test_half_an_order_is_refused(download, fake, arguments):
    assert (await download(*arguments)).code == 2
    assert not fake.asked


async def test_an_existing_file_is_kept(download, fake, tmp_path):
    (tmp_path / "gate.h264").write_text("mine")
    assert (await download("/rec/0")).code == 2
    assert (tmp_path / "gate.h264").read_text() == "mine"


async def test_playing_prints_where_and_the_commands_that_follow_name_the_session(
    cambusctl, fake, service, device
):
    async def live_open(context, request):
        assert request.stream == "s-pb-1"
        return media_relay.LiveUrls(
            rtsp=f"rtsp://relay/{device}/0/s-pb-1",
            page="http://relay/",
            flv=None,
            fmp4=None,
            ws_fmp4=None,
            replica="r",
        )

    service.add(media_relay.LIVE_OPEN, live_open)
    await service.start()
    ran = await cambusctl("recordings", "play", device, "0", "--on-device", *SPAN, "--speed", "2", "--json")
    assert (ran.code, ran.document["session"]) == (0, "pb-1")
    assert ran.document["rtsp"].endswith("/s-pb-1")
    assert (fake.asked[-1].speed, fake.asked[-1].on_touch) == (2.0, True)
    assert "session pb-1" in (await cambusctl("recordings", "play", device, "0", "/rec/0")).out
    for words in (("pause",), ("resume",), ("seek", "2026-02-01T12:02:00Z"), ("speed", "4"), ("stop",)):
        ran = await cambusctl("recordings", words[0], device, "pb-1", *words[1:])
        assert ran.code == 0
    assert [command for command, _ in fake.told] == [
        "recording.pause",
        "recording.resume",
        "recording.seek",
        "recording.speed",
        "recording.stop",
    ]
    assert {request.session for _, request in fake.told} == {"pb-1"}
    assert fake.told[2][1].at.minute == 2
