"""What services show on their HTTP ports: whether they are ready, and the few metrics the doctor wants."""

import asyncio
import re
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final

import aiohttp

from cambus.client.discovery import Instance

TIMEOUT_S: Final = 3.0
CLOCK_METRIC: Final = "cambus_clock_seconds"
MAX_BYTES: Final = 8 * 1024 * 1024

_SAMPLE = re.compile(r"^(cambus_\w+)(?:\{[^}]*\})? ([0-9.eE+-]+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Probe:
    """One instance, looked at through its HTTP port.

    Attributes:
        instance: which.
        reachable: whether the port answered; always False for an instance without one.
        ready: what `/readyz` says.
        why_not: the conditions that do not hold, with their details.
        samples: the metrics without labels, those with labels summed up over them.
        skew_s: seconds its clock is certainly ahead of ours at least, negative if behind; None if it does not tell.
    """

    instance: Instance
    reachable: bool = False
    ready: bool = False
    why_not: str = ""
    samples: dict[str, float] = field(default_factory=dict)
    skew_s: float | None = None


async def probe_all(instances: Iterable[Instance]) -> list[Probe]:
    """Look at every instance at the same time."""
    timeout = aiohttp.ClientTimeout(total=TIMEOUT_S)
    async with aiohttp.ClientSession(timeout=timeout) as session:
        return list(await asyncio.gather(*(_probe(session, instance) for instance in instances)))


async def _probe(session: aiohttp.ClientSession, instance: Instance) -> Probe:
    url = instance.metadata.get("http")
    if not url:
        return Probe(instance)
    try:
        async with session.get(f"{url}/readyz") as answer:
            ready, report = answer.status == 200, await answer.json(content_type=None)
        asked = time.time()
        async with session.get(f"{url}/metrics") as answer:
            text = (await answer.content.read(MAX_BYTES)).decode("utf-8", "replace")
        answered = time.time()
    except (aiohttp.ClientError, TimeoutError, OSError, ValueError):
        return Probe(instance)
    samples = read_samples(text)
    skew_s = skew(samples.get(CLOCK_METRIC), asked, answered)
    return Probe(instance, True, ready, _unmet(report), samples, skew_s)


def skew(told: float | None, asked: float, answered: float) -> float | None:
    """How far ahead a clock is at least that told this between two instants of ours; all in seconds since 1970."""
    if told is None:
        return None
    if told < asked:
        return told - asked
    return max(told - answered, 0.0)


def _unmet(report: Any) -> str:
    conditions = report.get("conditions", {}) if isinstance(report, dict) else {}
    unmet = [
        f"{name} ({condition['detail']})" if condition.get("detail") else name
        for name, condition in conditions.items()
        if isinstance(condition, dict) and not condition.get("ok")
    ]
    return ", ".join(unmet)


def read_samples(text: str) -> dict[str, float]:
    """Read Prometheus' text format; samples of one name are summed up over their labels."""
    samples: dict[str, float] = {}
    for name, value in _SAMPLE.findall(text):
        try:
            samples[name] = samples.get(name, 0.0) + float(value)
        except ValueError:
            continue
    return samples
