"""Nobody who listens can hold up the session: not by being slow, and not by raising."""

import asyncio

PATIENT_S = 30.0
STORM = 20_000


def raises(header, payload):
    raise RuntimeError("a consumer's own fault")


async def test_keepalives_and_requests_go_on_past_consumers_that_are_slow_or_raise(recorder, dial, caplog):
    recorder.quirks.alive_interval = 1
    client = await dial(recorder)
    session = client.control.session
    with client.events(max_events=10) as never_read:
        heard = client.control.on_push

        def both(header, payload):
            heard(header, payload)
            raises(header, payload)

        client.control.on_push = both
        await client.alarms.guard()
        async with asyncio.timeout(PATIENT_S):
            while session.counters["keepalives"] < 2 or session.keepalive_latency_s is None:
                recorder.raise_alarm("motion", 0)
                assert (await client.system.info()).serial == recorder.device.identity.serial
        assert never_read.counters["dropped"] > 0
        assert client.control.counters["callback_errors"] > 10
    assert client.is_online
    assert session.counters["keepalives_missed"] == 0


async def test_a_storm_that_nobody_reads_costs_bounded_memory_and_is_counted(recorder, dial):
    client = await dial(recorder)
    await client.alarms.guard()
    with client.events(max_events=1000) as slow:
        for number in range(STORM):
            recorder.raise_alarm("motion", number % 2, "Start" if number % 4 < 2 else "Stop")
            if number % 500 == 0:
                await asyncio.sleep(0)
        async with asyncio.timeout(PATIENT_S):
            while slow.counters["dropped"] < STORM - 1000:
                await client.request(1020, {"Name": "SystemInfo"})
        kept = [(await anext(slow)).report for _ in range(1000)]
    assert [(report.channel, report.status.value) for report in kept] == [
        (number % 2, "Start" if number % 4 < 2 else "Stop") for number in range(1000)
    ]
    assert slow.counters["dropped"] == STORM - 1000
