"""Searching all recorders, fetching MP4s, and the policies."""

from datetime import UTC, datetime, timedelta

import pytest
from aiohttp import web

from cambus.bus.endpoints import Endpoints
from cambus.schemas.commands import recorder, recorder_export
from cambus.schemas.commands.recording import FIND, DeviceRecording, RecordingFindReply
from cambus.schemas.errors import NotFound, TooLarge
from cambus.schemas.model import Done
from cambus.schemas.spans import GapReason, RecordingGap, TimeRange

NOON = datetime(2026, 2, 1, 12, tzinfo=UTC)
MOVIE = bytes(range(256)) * 4000
ASKED = ("--from", "2026-02-01T12:00:00Z", "--to", "2026-02-01T13:00:00Z")


def at(minute):
    return NOON + timedelta(minutes=minute)


class Recorder:
    """The recorder that prepares exports: answers with what a test gives it."""

    def __init__(self):
        self.covered = []
        self.gaps = []
        self.silent = []
        self.url = ""
        self.states = ["preparing"]
        self.error = None
        self.cancelled = []

    def state(self, name):
        ref = recorder.ExportRef(
            url=self.url,
            start=self.covered[0].start,
            end=self.covered[-1].end,
            bytes=len(MOVIE),
            covered=self.covered,
            replica="recorder-0",
            replicas=["recorder-0", "recorder-1"],
            gaps=self.gaps,
            silent=self.silent,
        )
        return recorder_export.ExportState(
            export="exp-1",
            replica="recorder-0",
            state=name,
            progress=0.5,
            ref=ref if name == "ready" else None,
            error=self.error if name == "failed" else None,
        )

    async def begin(self, context, request):
        self.container = request.container
        if not self.covered:
            raise NotFound("nothing of it is recorded", reason="nothing-recorded")
        return self.state("waiting")

    async def status(self, context, request):
        return self.state(self.states.pop(0) if self.states else "ready")

    async def cancel(self, context, request):
        self.cancelled.append(request.export)
        return Done()


@pytest.fixture
async def preparing(bus, monkeypatch):
    monkeypatch.setattr("cambus.cli.exporting.LOOK_S", 0.01)
    endpoints, made = Endpoints(bus, recorder.SERVICE, "0.1.0"), Recorder()
    endpoints.add(recorder_export.EXPORT_BEGIN, made.begin)
    endpoints.add(recorder_export.EXPORT_STATUS, made.status)
    endpoints.add(recorder_export.EXPORT_CANCEL, made.cancel)
    await endpoints.start()
    yield made
    await endpoints.drain(timeout_s=0)


@pytest.fixture
async def movie():
    """Serves the movie; `breaks` is how often it goes away in the middle, `asked` the ranges wanted."""

    class Movie:
        url, breaks, asked, gone = "", 0, [], False

    async def serve(request):
        if Movie.gone:
            raise web.HTTPNotFound
        start = request.http_range.start or 0
        Movie.asked.append(start)
        answer = web.StreamResponse(status=206)
        answer.content_length = len(MOVIE) - start
        await answer.prepare(request)
        if Movie.breaks:
            Movie.breaks -= 1
            await answer.write(MOVIE[start : start + 100_000])
            request.transport.close()
            return answer
        await answer.write(MOVIE[start:])
        return answer

    app = web.Application()
    app.router.add_get("/export.mp4", serve)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    Movie.url = f"http://127.0.0.1:{runner.addresses[0][1]}/export.mp4"
    Movie.asked = []
    yield Movie
    await runner.cleanup()


class Searched:
    """A recorder that was asked for everything: its pages."""

    def __init__(self):
        self.pages = [page()]
        self.asked = []

    async def search(self, context, request):
        self.asked.append(request)
        if request.cursor is None:
            return self.pages[0]
        return next(self.pages[n + 1] for n, each in enumerate(self.pages) if each.cursor == request.cursor)


def page(**fields):
    return recorder.RecordingSearchReply(
        **{"spans": [], "gaps": [], "answered": ["recorder-0"], "silent": [], **fields}
    )


def found_span(start, end, replicas, **more):
    return recorder.FoundSpan(
        channel=0, stream="main", start=at(start), end=at(end), bytes=1000, replicas=replicas, **more
    )


@pytest.fixture
async def searched(bus):
    endpoints, made = Endpoints(bus, recorder.SERVICE, "0.1.0"), Searched()
    endpoints.add(recorder.RECORDING_SEARCH, made.search)
    await endpoints.start()
    yield made
    await endpoints.drain(timeout_s=0)


async def test_what_all_recorders_hold_is_shown_with_its_alarms(cambusctl, searched):
    searched.pages = [
        page(spans=[found_span(0, 20, ["recorder-0"], copies="copied")], cursor=at(20)),
        page(
            spans=[found_span(20, 30, ["recorder-1"], copies="pending")],
            gaps=[
                RecordingGap(channel=0, stream="main", start=at(30), end=at(40), reason=GapReason.NO_OWNER)
            ],
            alarms=[
                recorder.FoundAlarm(
                    id="01KGE5C8QXG1Z5X0N3V7M4T2RB",
                    channel=0,
                    type="motion",
                    severity="info",
                    start=at(25),
                    end=at(26),
                )
            ],
        ),
    ]
    found = (await cambusctl("recordings", "find", "gate", *ASKED, "--json")).document
    assert found["silent"] == []
    (stream,) = found["recorded"]
    (whole,) = stream["spans"]
    assert (whole["start"], whole["end"]) == ("2026-02-01T12:00:00Z", "2026-02-01T12:30:00Z")
    assert whole["replicas"] == ["recorder-0", "recorder-1"]
    assert whole["copies"] == "partly"
    assert stream["gaps"] == [
        {"start": "2026-02-01T12:30:00Z", "end": "2026-02-01T12:40:00Z", "reason": "no-owner"}
    ]
    assert [alarm["type"] for alarm in found["alarms"]] == ["motion"]
    human = (await cambusctl("recordings", "find", "gate", *ASKED)).out
    assert [line.split()[0] for line in human.splitlines()[2:]] == ["recorded", "alarm", "missing"]
    assert "copied in part" in human
    await cambusctl("recordings", "find", "gate", *ASKED, "--no-alarms")
    assert searched.asked[-1].alarms is False


async def test_a_replica_that_does_not_answer_is_named(cambusctl, searched):
    searched.pages = [page(spans=[found_span(0, 20, ["recorder-0"])], silent=["recorder-1"])]
    ran = await cambusctl("recordings", "find", "gate", *ASKED)
    assert ran.code == 0
    assert "this may not be all: recorder-1" in ran.err


async def test_without_a_recorder_that_is_said(cambusctl, bus):
    ran = await cambusctl("recordings", "find", "gate")
    assert (ran.code, "no recorder answers" in ran.err) == (4, True)


async def test_nothing_recorded_is_no_failure(cambusctl, searched):
    ran = await cambusctl("recordings", "find", "gate")
    assert (ran.code, ran.out) == (0, "nothing is recorded in that time\n")


async def test_the_device_itself_is_searched_page_by_page(cambusctl, service, device):
    async def find(context, request):
        page = int(request.cursor or 0)
        one = DeviceRecording(id=f"/rec/{page}", channel=0, start=at(page), end=at(page + 1), bytes=1024)
        return RecordingFindReply(recordings=[one], cursor=str(page + 1) if page < 2 else None)

    service.add(FIND, find)
    await service.start()
    await service.hold(device)
    arguments = ("recordings", "find", device, "--on-device", *ASKED)
    assert (await cambusctl(*arguments)).code == 2  # which channel?
    found = (await cambusctl(*arguments, "--channel", "0", "--json")).document
    assert [each["id"] for each in found["recordings"]] == ["/rec/0", "/rec/1", "/rec/2"]
    assert "1.0 KiB" in (await cambusctl(*arguments, "--channel", "0")).out


async def test_a_device_that_cannot_be_searched_is_said_so(cambusctl, service, device):
    await service.start()
    await service.hold(device)
    ran = await cambusctl("recordings", "find", device, "--on-device", "--channel", "0")
    assert (ran.code, "501 unsupported" in ran.err) == (3, True)


async def test_an_export_of_what_all_recorders_hold_is_fetched_and_its_gaps_are_told(
    cambusctl, preparing, movie, tmp_path
):
    preparing.url = movie.url
    preparing.covered = [TimeRange(start=at(0), end=at(20)), TimeRange(start=at(30), end=at(60))]
    preparing.gaps = [
        RecordingGap(channel=0, stream="main", start=at(20), end=at(30), reason=GapReason.NO_OWNER)
    ]
    preparing.silent = ["recorder-2"]
    preparing.states = ["waiting", "preparing", "preparing"]
    target = tmp_path / "gate.mp4"
    arguments = ("recordings", "export", "gate", "0", *ASKED, "-o", str(target))
    ran = await cambusctl(*arguments)
    assert ran.code == 0
    assert target.read_bytes() == MOVIE
    assert "(10 min, no-owner)" in ran.err  # not recorded in between
    assert "may not be all: recorder-2" in ran.err
    assert "prepares it" not in ran.err  # nobody looks at it
    assert [path.name for path in tmp_path.iterdir()] == ["gate.mp4"]
    told = (await cambusctl(*arguments, "--overwrite", "--json")).document
    assert (told["replicas"], told["silent"]) == (["recorder-0", "recorder-1"], ["recorder-2"])
    assert [gap["reason"] for gap in told["gaps"]] == ["no-owner"]
    assert (preparing.cancelled, preparing.container) == ([], "mp4")
    await cambusctl("recordings", "export", "gate", "0", *ASKED, "-o", str(tmp_path / "gate.ts"))
    assert preparing.container == "ts"


async def test_an_export_that_fails_says_why(cambusctl, preparing, tmp_path):
    preparing.covered = [TimeRange(start=at(0), end=at(20))]
    preparing.states, preparing.error = ["failed"], TooLarge("no room for it", reason="no-room").reply()
    arguments = ("recordings", "export", "gate", "0", *ASKED, "-o", str(tmp_path / "gate.mp4"))
    ran = await cambusctl(*arguments, "--json")
    assert (ran.code, ran.error["reason"]) == (3, "no-room")
    assert list(tmp_path.iterdir()) == []


async def test_a_broken_download_goes_on_where_it_was(cambusctl, preparing, movie, tmp_path, monkeypatch):
    monkeypatch.setattr("cambus.cli.download.PAUSE_S", 0.0)
    preparing.url, preparing.covered = movie.url, [TimeRange(start=at(0), end=at(60))]
    movie.breaks = 2
    target = tmp_path / "gate.mp4"
    ran = await cambusctl("recordings", "export", "gate", "0", *ASKED, "-o", str(target), "--json")
    assert (ran.code, ran.document["bytes"]) == (0, len(MOVIE))
    assert target.read_bytes() == MOVIE
    assert movie.asked[0] == 0
    assert movie.asked == sorted(movie.asked)
    assert movie.asked[-1] > 0


async def test_the_same_command_again_goes_on_with_what_was_begun(
    cambusctl, preparing, movie, tmp_path, monkeypatch
):
    monkeypatch.setattr("cambus.cli.download.ATTEMPTS", 1)
    preparing.url, preparing.covered = movie.url, [TimeRange(start=at(0), end=at(60))]
    movie.breaks = 1
    target = tmp_path / "gate.mp4"
    arguments = ("recordings", "export", "gate", "0", *ASKED, "-o", str(target))
    ran = await cambusctl(*arguments)
    assert (ran.code, target.exists()) == (1, False)
    assert "the same command goes on from there" in ran.err
    assert (tmp_path / "gate.mp4.part.json").stat().st_mode & 0o077 == 0  # it may hold a token
    again = await cambusctl(*arguments)
    assert again.code == 0
    assert target.read_bytes() == MOVIE
    assert movie.asked[-1] > 0
    assert [path.name for path in tmp_path.iterdir()] == ["gate.mp4"]


async def test_what_was_begun_and_is_gone_is_begun_anew(cambusctl, preparing, movie, tmp_path, monkeypatch):
    monkeypatch.setattr("cambus.cli.download.ATTEMPTS", 1)
    preparing.url, preparing.covered = movie.url, [TimeRange(start=at(0), end=at(60))]
    movie.breaks = 1
    target = tmp_path / "gate.mp4"
    arguments = ("recordings", "export", "gate", "0", *ASKED, "-o", str(target))
    await cambusctl(*arguments)
    movie.gone = True
    refused = await cambusctl(*arguments)
    assert (refused.code, "no longer valid" in refused.err) == (1, True)
    movie.gone = False
    assert (await cambusctl(*arguments)).code == 0
    assert target.read_bytes() == MOVIE


async def test_an_export_of_nothing_says_so_and_leaves_no_file(cambusctl, preparing, tmp_path):
    ran = await cambusctl(
        "recordings", "export", "gate", "0", *ASKED, "-o", str(tmp_path / "gate.mp4"), "--json"
    )
    assert (ran.code, ran.error["reason"]) == (3, "nothing-recorded")
    assert list(tmp_path.iterdir()) == []


async def test_policies_are_set_listed_and_deleted(cambusctl, service, tmp_path):
    kept = {}

    async def put(context, request):
        kept[request.policy.id] = request.policy
        return Done()

    async def listed(context, request):
        return recorder.PolicyListReply(policies=list(kept.values()))

    async def delete(context, request):
        if kept.pop(request.id, None) is None:
            raise NotFound(f"there is no policy {request.id}")
        return Done()

    for spec, handler in (
        (recorder.POLICY_SET, put),
        (recorder.POLICY_LIST, listed),
        (recorder.POLICY_DELETE, delete),
    ):
        service.add(spec, handler)
    await service.start()
    policy = ("recordings", "policy")
    options = (
        "--device",
        "gate-*",
        "--channel",
        "0",
        "--keep",
        "30d",
        "--keep-size",
        "50G",
        "--stream",
        "sub",
    )
    assert (await cambusctl(*policy, "set", "gates", *options)).out == "set gates\n"
    gates = kept["gates"]
    assert (gates.match.devices, gates.match.channels, gates.streams) == (["gate-*"], [0], ["sub"])
    assert (gates.retention.max_age_s, gates.retention.max_bytes) == (30 * 86400, 50 << 30)
    assert (kept["gates"].upload, kept["gates"].upload_what) == (False, "all")
    uploaded = ("--upload", "alarm", "--upload-as", "ts")
    assert (await cambusctl(*policy, "set", "doors", *uploaded)).code == 0
    assert (kept["doors"].upload, kept["doors"].upload_what, kept["doors"].upload_as) == (True, "alarm", "ts")
    assert "alarm, as ts" in (await cambusctl(*policy, "list")).out
    assert (await cambusctl(*policy, "set", "x", "--upload", "some")).code == 2
    assert (await cambusctl(*policy, "set", "x", "--upload", "all", "--upload-as", "avi")).code == 2
    file = tmp_path / "night.yaml"
    file.write_text("{id: night, mode: schedule, schedule: {spans: [{start: '22:00', end: '06:00'}]}}")
    assert (await cambusctl(*policy, "set", "-f", str(file))).code == 0
    assert kept["night"].schedule.spans[0].start == "22:00"
    shown = (await cambusctl(*policy, "list")).out
    assert "gate-*, channel 0" in shown
    assert "30 d, 50 GiB a stream" in shown
    assert (await cambusctl(*policy, "delete", "night")).code == 2
    assert (await cambusctl(*policy, "delete", "night", "--yes")).code == 0
    assert (await cambusctl(*policy, "delete", "night", "--yes")).code == 3
    assert (await cambusctl(*policy, "set")).code == 2
    assert (await cambusctl(*policy, "set", "x", "--keep", "long")).code == 2
