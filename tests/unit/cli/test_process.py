import asyncio
import os
import signal
import sys
from pathlib import Path

from cambus.cli.stack.process import ProcessSpec, SupervisedProcess

SLEEPER = "import signal; signal.pause()"
STUBBORN = (
    "import signal, sys\nsignal.signal(signal.SIGTERM, lambda *_: None)\n"
    "print('deaf', flush=True)\nwhile True: signal.pause()"
)


def python(tmp_path: Path, code: str) -> ProcessSpec:
    return ProcessSpec("child", (sys.executable, "-c", code), tmp_path / "child.log", {"CHILD": "yes"})


async def test_a_killed_child_is_reported_and_started_again(tmp_path: Path) -> None:
    exits: asyncio.Queue[tuple[str, int]] = asyncio.Queue()
    child = SupervisedProcess(
        python(tmp_path, SLEEPER), on_exit=lambda name, code: exits.put_nowait((name, code))
    )
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(child.run())
        await child.started.wait()
        child.started.clear()
        first = child.pid
        assert first is not None
        os.kill(first, signal.SIGKILL)
        assert await exits.get() == ("child", -signal.SIGKILL)
        await child.started.wait()
        assert child.pid not in {None, first}
        assert child.starts == 2
        await child.stop()
    assert child.pid is None


async def test_a_child_deaf_to_sigterm_is_killed_after_the_grace(tmp_path: Path) -> None:
    child = SupervisedProcess(python(tmp_path, STUBBORN))
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(child.run())
        await child.started.wait()
        while b"deaf" not in child.spec.log.read_bytes():
            await asyncio.to_thread(os.sched_yield)
        await child.stop(grace_s=0.05)
    assert child.pid is None


async def test_cancelling_the_supervision_leaves_no_process(tmp_path: Path) -> None:
    child = SupervisedProcess(python(tmp_path, SLEEPER))
    task = asyncio.create_task(child.run())
    await child.started.wait()
    process = child._process
    assert process is not None
    task.cancel()
    await asyncio.wait([task])
    assert await process.wait() == -signal.SIGKILL


async def test_output_and_environment_reach_the_log(tmp_path: Path) -> None:
    child = SupervisedProcess(python(tmp_path, "import os; print(os.environ['CHILD'])"))
    task = asyncio.create_task(child.run())
    await child.started.wait()
    assert child._process is not None
    await child._process.wait()
    await child.stop()
    await task
    assert child.spec.log.read_text().startswith("yes")
