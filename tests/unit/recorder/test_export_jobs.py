"""Exports that take a while: a few at a time, told how far they are, given up, and failed with a reason."""

import asyncio

import pytest

from cambus.recorder import export_jobs
from cambus.recorder.export_jobs import ExportJobs
from cambus.recorder.layout import StreamKey
from cambus.schemas.errors import NotFound, Overloaded

KEY = StreamKey("gate-1", 0, "main")


class Exports:
    """Prepares what a test lets it."""

    def __init__(self):
        self.going = 0
        self.most = 0
        self.begun = asyncio.Event()
        self.go_on = asyncio.Event()
        self.error = None
        self.forgotten = []
        self.progress = None

    async def create(self, key, start_us, end_us, *, close_gaps, progress, borrowed, container):
        self.progress = progress
        progress.total, progress.done = 4, 1
        self.going += 1
        self.most = max(self.most, self.going)
        self.begun.set()
        try:
            await self.go_on.wait()
        finally:
            self.going -= 1
        if self.error is not None:
            raise self.error
        if progress.cancelled:
            raise export_jobs.CancelledError
        return f"export-{start_us}"

    def forget(self, export):
        self.forgotten.append(export)


@pytest.fixture
def exports():
    return Exports()


@pytest.fixture
async def jobs(exports):
    made = ExportJobs(exports, ttl_s=60.0)
    yield made
    exports.go_on.set()
    await made.stop()


def begin(jobs, number=1):
    return jobs.begin(f"exp-{number}", KEY, number, number + 1, close_gaps=False)


async def until(condition):
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - a few turns of the loop
            await asyncio.sleep(0)


async def test_it_says_how_far_it_is_and_when_it_is_ready(jobs, exports):
    job = begin(jobs)
    assert job.state == "waiting"
    await exports.begun.wait()
    assert (job.state, job.progress.part) == ("preparing", 0.25)
    exports.go_on.set()
    await until(lambda: job.state == "ready")
    assert jobs.find("exp-1").export == "export-1"
    assert begin(jobs) is job  # asked for a second time


async def test_a_few_are_prepared_at_a_time_and_the_others_wait(jobs, exports):
    known = [begin(jobs, number) for number in range(export_jobs.AT_A_TIME + export_jobs.MAX_WAITING)]
    with pytest.raises(Overloaded):
        begin(jobs, 99)
    await until(lambda: exports.going == export_jobs.AT_A_TIME)
    assert sum(job.state == "waiting" for job in known) == export_jobs.MAX_WAITING
    exports.go_on.set()
    await until(lambda: all(job.state == "ready" for job in known))
    assert exports.most == export_jobs.AT_A_TIME
    await until(lambda: not len(jobs._tasks))
    begin(jobs, 99)


async def test_one_that_is_given_up_ends(jobs, exports):
    job = begin(jobs)
    await exports.begun.wait()
    jobs.cancel("exp-1")
    assert exports.progress.cancelled
    exports.go_on.set()
    await until(lambda: not exports.going)
    assert (job.state, job.export) == ("cancelled", None)


async def test_one_that_is_ready_is_no_longer_handed_out(jobs, exports):
    job = begin(jobs)
    exports.go_on.set()
    await until(lambda: job.state == "ready")
    jobs.cancel("exp-1")
    assert (job.state, exports.forgotten) == ("cancelled", ["export-1"])


async def test_one_that_was_given_up_while_it_waited_is_never_prepared(jobs, exports):
    for number in range(export_jobs.AT_A_TIME):
        begin(jobs, number)
    waiting = begin(jobs, 50)
    jobs.cancel("exp-50")
    exports.go_on.set()
    await until(lambda: not len(jobs._tasks))
    assert waiting.state == "cancelled"
    assert exports.progress.total == 4


async def test_one_that_fails_says_why(jobs, exports):
    exports.error = NotFound("nothing of it is recorded in that time", reason="nothing-recorded")
    exports.go_on.set()
    job = begin(jobs)
    await until(lambda: job.state == "failed")
    assert (job.error.code, job.error.reason) == (404, "nothing-recorded")


async def test_those_that_are_over_are_forgotten(exports):
    now = 0.0
    jobs = ExportJobs(exports, ttl_s=60.0, clock=lambda: now)
    exports.go_on.set()
    job = begin(jobs)
    await until(lambda: job.state == "ready")
    now = 61.0
    with pytest.raises(NotFound):
        jobs.find("exp-1")
    await jobs.stop()
