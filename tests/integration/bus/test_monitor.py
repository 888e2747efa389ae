"""What a service watches about itself and its NATS server."""

import asyncio
import re

import pytest

from cambus.bus.metrics import Metrics
from cambus.bus.monitor import watch_loop, watch_nats_sync
from cambus.bus.testing import NatsServer


@pytest.mark.parametrize(("sync_interval", "expected"), [("always", "1.0"), ("2m", "0.0")])
async def test_whether_nats_syncs_every_write_is_a_metric(sync_interval, expected, eventually):
    metrics = Metrics()
    async with NatsServer(sync_interval=sync_interval) as server:
        watching = asyncio.ensure_future(watch_nats_sync(server.monitor_url, metrics))
        await eventually(lambda: f"cambus_nats_sync_always {expected}" in metrics.render().decode())
        watching.cancel()
        await asyncio.wait({watching})


async def test_a_server_that_does_not_answer_is_unknown_not_wrong(eventually):
    metrics = Metrics()
    with NatsServer() as server:
        nowhere = server.monitor_url
    watching = asyncio.ensure_future(watch_nats_sync(nowhere, metrics, period_s=0.001))
    await eventually(lambda: b"cambus_nats_sync_always NaN" in metrics.render())
    assert not watching.done()
    watching.cancel()
    await asyncio.wait({watching})


async def test_the_lag_and_the_tasks_of_the_loop_are_measured(eventually):
    metrics = Metrics()
    watching = asyncio.ensure_future(watch_loop(metrics, period_s=0.001))
    await eventually(lambda: re.search(rb"cambus_loop_lag_seconds_count [1-9]", metrics.render()))
    assert f"cambus_loop_tasks {len(asyncio.all_tasks()):.1f}".encode() in metrics.render()
    watching.cancel()
    await asyncio.wait({watching})
