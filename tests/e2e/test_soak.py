"""Devices, viewers and clients that come and go for a long time leave the services as they were.

`SOAK_MINUTES` says how long; `make soak` takes an hour.
"""

import asyncio
import json
import os
import re
import statistics
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from urllib.parse import urlsplit

import pytest
from suite import PASSWORD, Suite, recorder_device, running_suite, until

from cambus.schemas.commands import media_relay, snapshot
from cambus.simulators.gb28181.simulator import Gb28181Simulator
from cambus.simulators.gb28181.storm import numbered

MINUTES = float(os.environ.get("SOAK_MINUTES", "3"))
SERVER, FIRST = "34020000002000000001", "34020000001320000001"
CROWD = 20
VIEWERS = 4
TASTE_BYTES = 60_000
FEWEST_ROUNDS = 8
SLACK = {"tasks": 3, "sockets and files": 4, "subscriptions": 3}
"""What may be under way at the instant a service is looked at."""
GROWTH, SLACK_MIB = 1.05, 6.0
"""What the interpreter's memory may grow by between the second and the last quarter."""


@dataclass(frozen=True)
class Held:
    """What a service holds at one instant."""

    service: str
    memory_mib: float
    counts: dict[str, float]


def value(text: str, metric: str) -> float:
    """A metric without labels."""
    found = re.search(rf"^{metric} (\S+)$", text, re.MULTILINE)
    assert found is not None, f"no {metric}"
    return float(found[1])


async def held(suite: Suite) -> list[Held]:
    """What all services hold."""
    found = []
    for service in suite.stack.options.services:
        text = await suite.metrics(service)
        counts = {
            "tasks": value(text, "cambus_loop_tasks"),
            "sockets and files": value(text, "process_open_fds"),
            "subscriptions": value(text, "cambus_nats_subscriptions"),
        }
        found.append(Held(service, value(text, "process_resident_memory_bytes") / 2**20, counts))
    return found


async def taste(suite: Suite, url: str) -> None:
    """Watch a little over HTTP, then be gone without a word."""
    async with suite.http.get(url) as answer:
        assert answer.status == 200, await answer.text()
        got = 0
        async for chunk in answer.content.iter_any():
            got += len(chunk)
            if got >= TASTE_BYTES:
                return


async def watch(suite: Suite, device: str) -> None:
    """Some viewers of each output, all at once."""
    request = media_relay.LiveOpenRequest(device=device, channel=0)
    urls = await suite.client.call(media_relay.LIVE_OPEN, request)
    await asyncio.gather(*(taste(suite, url) for url in (urls.flv, urls.fmp4) for _ in range(VIEWERS)))


async def come_and_go(port: int, numbers: Iterator[int]) -> None:
    """Devices that register, are looked into and log off; and some that vanish."""
    async with AsyncExitStack() as stack:
        for _ in range(CROWD):
            code = numbered(FIRST, next(numbers) % (2 * CROWD))
            simulator = Gb28181Simulator(
                server=("127.0.0.1", port), server_code=SERVER, code=code, password=PASSWORD
            )
            await stack.enter_async_context(simulator)
            await simulator.wait_for(lambda simulator=simulator: simulator.registered)


async def one_round(suite: Suite, camera, port: int, numbers: Iterator[int]) -> None:
    """Everything that comes and goes, once."""
    await watch(suite, "yard")
    await suite.client.call(snapshot.TAKE, snapshot.SnapshotTakeRequest(channel=0), device="yard")
    await come_and_go(port, numbers)
    camera.drop()
    await suite.online("yard")


async def rest(suite: Suite) -> None:
    """Nobody watches any more."""

    async def idle() -> bool:
        text = await suite.metrics("media-relay")
        return value(text, "cambus_relay_streams") == 0

    await until(idle, 60.0, what="streams are given up")


def quarters(values: list[float]) -> tuple[float, float]:
    """The medians of the second and of the last quarter."""
    quarter = max(1, len(values) // 4)
    return statistics.median(values[quarter : 2 * quarter]), statistics.median(values[-quarter:])


@pytest.mark.slow
@pytest.mark.timeout(int(MINUTES * 60) + 600)
async def test_an_hour_of_coming_and_going_leaves_the_services_as_they_were(tmp_path):
    async with running_suite(tmp_path) as suite, recorder_device(channels=1) as camera:
        await suite.add("yard", camera.port)
        address = urlsplit(
            (await suite.url("connector-gb28181", "registration")).replace("sip:", "sip://", 1)
        )
        for number in range(2 * CROWD):
            options = {"code": numbered(FIRST, number)}
            await suite.add(f"come-{number}", None, protocol="gb28181", user="", options=options)
        await suite.online("yard")
        seen: dict[str, list[Held]] = {}
        numbers = iter(range(10**9))
        ends = time.monotonic() + MINUTES * 60
        rounds = 0
        while rounds < FEWEST_ROUNDS or time.monotonic() < ends:
            await one_round(suite, camera, address.port, numbers)
            await rest(suite)
            for each in await held(suite):
                seen.setdefault(each.service, []).append(each)
            rounds += 1
    report = {}
    for service, samples in seen.items():
        memory = quarters([each.memory_mib for each in samples])
        counts = {name: quarters([each.counts[name] for each in samples]) for name in SLACK}
        report[service] = {"memory MiB": [round(each, 1) for each in memory], **counts}
    print(json.dumps({"rounds": rounds, "minutes": MINUTES, "second and last quarter": report}))
    for service, found in report.items():
        for name, slack in SLACK.items():
            assert found[name][1] <= found[name][0] + slack, (service, name, found)
        assert found["memory MiB"][1] <= found["memory MiB"][0] * GROWTH + SLACK_MIB, (service, found)
