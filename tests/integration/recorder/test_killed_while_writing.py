"""Killed or cut from power at any instant: what was told to be durable is there, and all of it plays."""

import os
import random
import select
import shutil
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from durability import Span, missing, overlapping, recovered
from mounts import MountError, run

FRAGMENT_US = 1_000_000
Start = Callable[[Path], subprocess.Popen[str]]


def spans(lines: bytes) -> list[Span]:
    """The whole lines of what the process said."""
    whole = lines[: lines.rfind(b"\n") + 1]
    return [(int(line.split()[0]), int(line.split()[1])) for line in whole.splitlines()]


def heard(process: subprocess.Popen[str], instant: random.Random) -> bytes:
    """What the process says up to an instant: some lines, and a part of the time until the next."""
    assert process.stdout is not None
    output = process.stdout.fileno()
    said = b""
    wanted = instant.randint(2, 12)
    while said.count(b"\n") < wanted:
        data = os.read(output, 4096)
        assert data, "it ended by itself"
        said += data
    if select.select([output], [], [], instant.uniform(0, 0.03))[0]:
        said += os.read(output, 4096)
    return said


def rest(process: subprocess.Popen[str]) -> bytes:
    """What was said and not read yet, of a process that says no more."""
    assert process.stdout is not None
    output = process.stdout.fileno()
    said = b""
    while select.select([output], [], [], 0)[0] and (data := os.read(output, 4096)):
        said += data
    return said


def kill_again_and_again(root: Path, endless: Start, times: int) -> None:
    instant = random.Random(os.urandom(8))
    told: list[Span] = []
    for _ in range(times):
        process = endless(root)
        said = heard(process, instant)
        process.kill()
        process.wait()
        said += rest(process)
        told += spans(said)
        rows = recovered(root)
        assert missing(told, rows) == []
        assert not overlapping(rows)
        # What was being written may be there too, and no more than that.
        assert max(row.end_us for row in rows) <= told[-1][1] + FRAGMENT_US
        assert list(root.rglob("*.broken")) == []


def test_nothing_told_is_lost_by_kill_9_at_random_instants(tmp_path: Path, endless: Start) -> None:
    kill_again_and_again(tmp_path / "recordings", endless, times=4)


@pytest.mark.slow
@pytest.mark.timeout(900)  # each round starts a process
def test_nothing_told_is_lost_by_kill_9_at_very_many_random_instants(tmp_path: Path, endless: Start) -> None:
    kill_again_and_again(tmp_path / "recordings", endless, times=150)


def cut_power_again_and_again(folder: Path, endless: Start, mount: Callable[..., Path], times: int) -> None:
    """On ext4, in a file: what the file holds while the process stands still is what a power cut leaves."""
    instant = random.Random(os.urandom(8))
    image = folder / "disk.ext4"
    image.touch()
    os.truncate(image, 96 << 20)
    try:
        run("mkfs.ext4", "-q", str(image))
    except MountError as error:
        pytest.skip(str(error))
    disk = mount(folder / "disk", "-o", "loop,commit=300", str(image))
    process = endless(disk / "recordings")
    told: list[Span] = []
    for number in range(times):
        said = heard(process, instant)  # may end within a line
        process.send_signal(signal.SIGSTOP)
        told += spans(said + rest(process))
        left = folder / f"left-{number}"
        shutil.copyfile(image, left)
        process.send_signal(signal.SIGCONT)
        copy = mount(folder / f"copy-{number}", "-o", "loop", str(left))
        rows = recovered(copy / "recordings")
        assert missing(told, rows) == []
        assert list(copy.rglob("*.broken")) == []
    process.kill()
    process.wait()


def test_nothing_told_is_lost_by_a_power_cut_on_a_real_file_system(
    tmp_path: Path, mount: Callable[..., Path], endless: Start
) -> None:
    cut_power_again_and_again(tmp_path, endless, mount, times=3)


@pytest.mark.slow
def test_nothing_told_is_lost_by_many_power_cuts_on_a_real_file_system(
    tmp_path: Path, mount: Callable[..., Path], endless: Start
) -> None:
    for disk in range(8):  # a new one every time: it is written as fast as it can be, so it is full soon
        folder = tmp_path / str(disk)
        folder.mkdir()
        cut_power_again_and_again(folder, endless, mount, times=3)
