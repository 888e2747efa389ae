"""What the metrics of a service complain of: its disks, its outbox, its clock, what it lost."""

from collections.abc import Iterable
from typing import Final

from cambus.cli.doctor.finding import Finding, note, ok, problem
from cambus.cli.doctor.probes import Probe
from cambus.cli.formatting import duration, size

SKEW_S: Final = 2.0
LITTLE_DISK: Final = 512 << 20
LITTLE_DATA: Final = 64 << 20
"""A full outbox takes about that much."""

DISK_METRIC: Final = "cambus_recorder_disk_free_bytes"
FULL_METRIC: Final = "cambus_recorder_disk_full"
DATA_METRIC: Final = "cambus_data_free_bytes"
OUTBOX_METRIC: Final = "cambus_outbox_events"
FAILED_METRIC: Final = "cambus_events_publish_failures_total"
MANY_WAIT: Final = 1000
A_BATCH: Final = 256
"""So many may be on their way."""


FAILURES: Final = {
    "cambus_recorder_write_failures_total": "writes the disk refused",
    "cambus_recorder_overflows_total": "times the disk was too slow",
    "cambus_nats_slow_consumer_drops_total": "messages lost because it was too slow",
    "cambus_events_overflow_total": "events lost for which the outbox, or its disk, had no room",
    "cambus_events_rejected_total": "events lost that JetStream never takes",
}


def check_metrics(probe: Probe) -> Iterable[Finding]:
    """What is wrong with one process, and how much room its recordings have."""
    name = probe.instance.id
    for metric, meaning in FAILURES.items():
        count = probe.samples.get(metric, 0.0)
        if count:
            yield note(name, f"{count:.0f} {meaning} since it started", "its log says when and why")
    yield from _outbox(probe)
    yield from _clock(probe)
    free = probe.samples.get(DATA_METRIC)
    if free is not None and free < LITTLE_DATA and DISK_METRIC not in probe.samples:
        text = (
            f"{size(free)} free on the disk of its data: when it is full, alarms can not be kept and are lost"
        )
        yield problem(name, text, "make room on the disk of CAMBUS_DATA_DIR; no restart is needed")
    yield from _recordings(probe)


def _outbox(probe: Probe) -> Iterable[Finding]:
    waiting = probe.samples.get(OUTBOX_METRIC, 0.0)
    if waiting > MANY_WAIT or (waiting > A_BATCH and probe.samples.get(FAILED_METRIC)):
        text = f"{waiting:.0f} events wait in its outbox: JetStream did not take them"
        yield problem(
            probe.instance.id, text, "its log says why; if the disk under JetStream is full, make room"
        )


def _clock(probe: Probe) -> Iterable[Finding]:
    skew_s = probe.skew_s
    if skew_s is not None and abs(skew_s) > SKEW_S:
        which = "ahead of" if skew_s > 0 else "behind"
        text = f"the clock of its machine is {duration(abs(skew_s))} {which} this machine's"
        yield problem(probe.instance.id, text, "let both follow a time server (NTP, chrony)")


def _recordings(probe: Probe) -> Iterable[Finding]:
    free, name = probe.samples.get(DISK_METRIC), probe.instance.id
    if free is None:
        return
    full = probe.samples.get(FULL_METRIC)
    text = f"{size(free)} free on the disk of the recordings"
    todo = "free some, or keep recordings for less long: cambusctl recordings policy list"
    if full:
        yield problem(name, f"{text}: it is full, and nothing is recorded on it", todo)
    elif free >= LITTLE_DISK:
        yield ok(name, text)
    elif full is None:
        yield problem(name, text, todo)
    else:
        yield note(name, f"{text}; when it is full, the oldest recordings go", todo)
