"""What a service watches about itself and its NATS server while it runs."""

import asyncio
import logging
import random

import aiohttp

from cambus.bus.metrics import Metrics

logger = logging.getLogger(__name__)

LOOP_PERIOD_S = 0.5
SYNC_PERIOD_S = 60.0
HTTP_TIMEOUT_S = 5.0
LAG_BUCKETS = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0)


async def watch_loop(metrics: Metrics, period_s: float = LOOP_PERIOD_S) -> None:
    """Measure for ever how late the event loop is: whatever blocks it shows here first; and how many tasks it has."""
    lag = metrics.histogram(
        "loop_lag_seconds", "How much later than asked the event loop wakes a task", buckets=LAG_BUCKETS
    )()
    loop = asyncio.get_running_loop()
    tasks = metrics.gauge("loop_tasks", "Tasks of the event loop that have not ended")()
    tasks.set_function(lambda: len(asyncio.all_tasks(loop)))
    while True:
        due = loop.time() + period_s
        await asyncio.sleep(period_s)
        lag.observe(max(0.0, loop.time() - due))


async def watch_nats_sync(monitor_url: str, metrics: Metrics, period_s: float = SYNC_PERIOD_S) -> None:
    """Export for ever whether the NATS server syncs every JetStream write.

    With its default (every two minutes) a power cut loses acknowledged events, leases and configuration.
    """
    gauge = metrics.gauge("nats_sync_always", "1 if JetStream syncs every write before it acknowledges")()
    gauge.set(float("nan"))  # not known yet
    timeout = aiohttp.ClientTimeout(total=HTTP_TIMEOUT_S)
    async with aiohttp.ClientSession(timeout=timeout) as session:
        while True:
            try:
                async with session.get(f"{monitor_url.rstrip('/')}/jsz") as response:
                    config = (await response.json(content_type=None)).get("config", {})
                    gauge.set(1 if config.get("sync_always") else 0)
            except (aiohttp.ClientError, TimeoutError, ValueError, AttributeError) as error:
                logger.debug("NATS monitoring does not answer", extra={"reason": type(error).__name__})
            await asyncio.sleep(period_s * random.uniform(0.9, 1.1))  # noqa: S311 - spreads requests, no secret
