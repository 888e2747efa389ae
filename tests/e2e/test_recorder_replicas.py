"""Two recorders, one of them killed: its streams go on at the other, with the gap told; and pictures beside them."""

import asyncio
import os
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import pytest
import pytest_asyncio
from suite import recorder_device, running_suite, until

from cambus.cli.stack.options import command_of
from cambus.schemas.commands import recorder as commands
from cambus.schemas.commands import recorder_streams as streams
from cambus.schemas.events import picture as picture_events
from cambus.schemas.matching import DeviceMatch
from cambus.schemas.model import Empty
from cambus.schemas.spans import GapReason, RecordingTrigger
from cambus.schemas.state.recording_policy import AlarmRecording, PicturePlan, RecordingPolicy

pytestmark = pytest.mark.asyncio(loop_scope="module")

NVR = "spread-nvr"  # its two streams fall to one recorder each
SECOND = "recorder-second"
TTL = timedelta(seconds=5)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def nvr():
    async with recorder_device() as device:
        yield device


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def suite(folder, nvr):
    async with running_suite(folder, "connector-dvrip", "recorder") as running:
        await running.add(NVR, nvr.port)
        await running.online(NVR)
        yield running


@asynccontextmanager
async def second_recorder(suite, folder):
    """One more recorder, which nobody starts again."""
    variables = {
        **os.environ,
        **suite.stack.options.environment,
        "CAMBUS_NATS_URL": suite.nats_url,
        "CAMBUS_INSTANCE": SECOND,
        "CAMBUS_DATA_DIR": str(folder / SECOND),
        "CAMBUS_HTTP_PORT": "0",
    }
    process = await asyncio.create_subprocess_exec(
        *command_of("recorder"),
        env=variables,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def set_policy(suite, **policy) -> None:
    wanted = RecordingPolicy(id=NVR, match=DeviceMatch(devices=[NVR]), **policy)
    await suite.client.call(commands.POLICY_SET, commands.PolicySetRequest(policy=wanted))


async def recording(suite) -> dict[str, set[int]]:
    """Which recorder records which channels."""
    replies = await suite.client.broadcast(streams.STREAMS_LIST, Empty(), quiet_s=0.3)
    return {
        reply.replica: {each.channel for each in reply.streams if each.state == "recording"}
        for reply in replies
    }


async def found(suite) -> dict[str, commands.RecordedFindReply]:
    now = datetime.now(UTC)
    request = commands.RecordedFindRequest(
        device=NVR, start=now - timedelta(hours=1), end=now + timedelta(hours=1)
    )
    replies = await suite.client.broadcast(commands.RECORDING_FIND, request, quiet_s=0.3)
    return {reply.replica: reply for reply in replies}


async def test_a_killed_recorders_streams_go_on_at_the_other_and_the_gap_is_told(suite, folder):
    await set_policy(suite)

    async def all_at_the_first() -> bool:
        return await recording(suite) == {"recorder-0": {0, 1}}

    await until(all_at_the_first, within_s=60)
    async with second_recorder(suite, folder) as second:
        shares: dict[str, set[int]] = {}

        async def shared() -> bool:
            shares.clear()
            shares.update(await recording(suite))
            return all(len(shares.get(name, ())) == 1 for name in ("recorder-0", SECOND))

        await until(shared, within_s=60, what="each recorder has one of the channels")
        (moved,) = shares[SECOND]
        spans: dict[str, commands.RecordedFindReply] = {}

        async def both_answered() -> bool:
            spans.update(await found(suite))
            return {"recorder-0", SECOND} <= spans.keys()

        await until(both_answered)
        before = [span for span in spans["recorder-0"].spans if span.channel == moved][-1]
        after = next(span for span in spans[SECOND].spans if span.channel == moved)
        assert after.start <= before.end  # handed over without a gap
        began = after.start

        async def for_a_while() -> bool:  # until the mark has been told
            return any(
                span.end - began > timedelta(seconds=8)
                for replica, reply in (await found(suite)).items()
                for span in reply.spans
                if replica == SECOND and span.channel == moved
            )

        await until(for_a_while, within_s=60)
        second.kill()
        killed = datetime.now(UTC)
        await second.wait()

    async def taken_over() -> bool:
        return (await recording(suite)).get("recorder-0") == {0, 1}

    await until(taken_over, within_s=60)
    held = (await found(suite))["recorder-0"]
    gap = next(
        each for each in held.gaps if each.channel == moved and each.end > killed
    )  # a busy machine has more
    assert gap.reason is GapReason.NO_OWNER
    assert killed - gap.start < timedelta(seconds=8)
    resumed = min(span.start for span in held.spans if span.channel == moved and span.start > killed)
    assert abs((resumed - gap.end).total_seconds()) < 0.1
    assert GapReason.NO_OWNER not in {each.reason for each in held.gaps if each.channel != moved}


async def test_an_alarm_of_the_device_is_recorded_from_before_and_pictured(suite, nvr):
    pictures = PicturePlan(every_s=5, on_alarm=True, width=160)
    await set_policy(
        suite, mode="alarm", alarm=AlarmRecording(pre_roll_s=2, post_roll_s=3), pictures=pictures
    )

    async def waiting() -> bool:
        replies = await suite.client.broadcast(streams.STREAMS_LIST, Empty(), quiet_s=0.3)
        return {each.state for reply in replies for each in reply.streams} == {"waiting"}

    await until(waiting, within_s=60)
    began = datetime.now(UTC)
    await until(lambda: datetime.now(UTC) > began + timedelta(seconds=4))  # there is something to keep
    raised = datetime.now(UTC)
    nvr.raise_alarm("motion", channel=0)

    async def clips():
        spans = (await found(suite))["recorder-0"].spans
        return [each for each in spans if each.trigger is RecordingTrigger.ALARM and each.channel == 0]

    await until(clips, within_s=30)
    assert (await clips())[0].start <= raised - timedelta(seconds=1)

    def causes() -> set[str]:
        return {event.cause for event in suite.events.of(picture_events.STORED, NVR)}

    await until(
        lambda: causes() == {"alarm", "schedule"}, within_s=60, what="pictures by plan and of the alarm"
    )
    of_alarm = [each for each in suite.events.of(picture_events.STORED, NVR) if each.cause == "alarm"]
    assert all(each.alarm and each.channel == 0 and each.picture.width == 160 for each in of_alarm)
