"""Where the copies of recordings are, and how far recorders are with them."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from cambus.bus.connection import Bus
from cambus.bus.endpoints import Endpoints
from cambus.bus.settings import BusSettings
from cambus.schemas.commands import recorder_copies, recorder_streams
from cambus.schemas.commands.recorder import SERVICE

NOON = datetime(2026, 2, 1, 12, tzinfo=UTC)
ASKED = ("--from", "2026-02-01T12:00:00Z", "--to", "2026-02-01T13:00:00Z")
URL = "s3://recordings/gate-1_0_20260201T120000.000000Z.mp4"


class Replica:
    """A recorder that answers with what a test gives it."""

    def __init__(self, name):
        self.name = name
        self.copies = []
        self.copying = None
        self.complete_until = None

    async def found(self, context, request):
        self.asked = request
        return recorder_copies.RecordingCopiesReply(
            replica=self.name, copies=self.copies, complete_until=self.complete_until
        )

    async def streams(self, context, request):
        return recorder_streams.RecorderStreamsReply(
            replica=self.name, streams=[], bytes=0, free_bytes=1 << 30, copying=self.copying
        )


def copy(minute, **fields):
    start = NOON + timedelta(minutes=minute)
    return recorder_copies.RecordingCopy(
        start=start,
        end=start + timedelta(minutes=5),
        channel=0,
        stream="main",
        segment=f"s{minute}",
        **fields,
    )


@pytest.fixture
async def replicas(nats_server):
    running, made = [], []
    for name in ("recorder-0", "recorder-1"):
        connection = await Bus.connect(BusSettings(nats_url=nats_server.url, instance=name), name=name)
        endpoints, replica = Endpoints(connection, SERVICE, "0.1.0"), Replica(name)
        endpoints.add(recorder_copies.RECORDING_COPIES, replica.found)
        endpoints.add(recorder_streams.STREAMS_LIST, replica.streams)
        await endpoints.start()
        running.append((endpoints, connection))
        made.append(replica)
    yield made
    for endpoints, connection in running:
        await endpoints.drain(timeout_s=0)
        await connection.close()


async def test_the_copies_of_all_recorders_are_one_list(cambusctl, replicas):
    replicas[0].copies = [copy(5, state="pending")]
    replicas[1].copies = [
        copy(0, state="copied", url=URL, container="mp4", bytes=1 << 20, sha256="0" * 64, copied_at=NOON)
    ]
    shown = await cambusctl("recordings", "copies", "gate-1", *ASKED)
    assert shown.code == 0
    assert shown.out.index(URL) < shown.out.index("still at recorder-0")
    assert "1.0 MiB" in shown.out
    document = json.loads((await cambusctl("--json", "recordings", "copies", "gate-1", *ASKED)).out)
    assert [each["replica"] for each in document["copies"]] == ["recorder-1", "recorder-0"]
    assert document["complete"]
    assert (replicas[0].asked.start, replicas[0].asked.channel) == (NOON, None)


async def test_what_does_not_fit_is_said(cambusctl, replicas):
    replicas[0].complete_until = NOON
    shown = await cambusctl("recordings", "copies", "gate-1", *ASKED)
    assert "nothing was copied" in shown.out
    assert "there is more than fits" in shown.out + shown.err


async def test_without_a_recorder_nothing_is_claimed(cambusctl):
    assert (await cambusctl("recordings", "copies", "gate-1", *ASKED)).code == 4


async def test_the_status_tells_how_far_copies_are(cambusctl, replicas):
    replicas[0].copying = recorder_streams.CopyingState(
        pending=3,
        oldest=NOON,
        copied=7,
        copied_bytes=1 << 30,
        lost=1,
        failing_since=NOON,
        error="503 from the storage",
    )
    shown = (await cambusctl("recordings", "status")).out
    (line,) = [each for each in shown.splitlines() if each.startswith("copies:")]
    assert "3 files to copy" in line
    assert "503 from the storage" in line
    assert "1 file deleted before" in line
    replicas[0].copying = recorder_streams.CopyingState(pending=0, copied=7, copied_bytes=1 << 30, lost=0)
    assert "copies: everything is copied" in (await cambusctl("recordings", "status")).out
