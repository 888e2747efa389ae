"""Child processes that are kept running until told otherwise, as an orchestrator would keep them.

A child runs in a session of its own, so that Ctrl-C reaches only the parent, which then stops its children in
the right order. On Linux the kernel kills a child whose parent has died, however the parent died.
"""

import asyncio
import contextlib
import ctypes
import os
import signal
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

PR_SET_PDEATHSIG = 1
FIRST_DELAY_S = 0.5
LONGEST_DELAY_S = 15.0
STEADY_AFTER_S = 30.0


@dataclass(frozen=True, slots=True)
class ProcessSpec:
    """What to run: a name for people, the command line, what to add to the environment, and the log file."""

    name: str
    argv: tuple[str, ...]
    log: Path
    env: Mapping[str, str] = field(default_factory=dict)


def _die_with_parent() -> None:
    """Ask the kernel to kill this process when its parent dies (Linux; nothing elsewhere)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


class SupervisedProcess:
    """One child process, started again with growing delays until `stop` is called.

    `on_exit(name, code)` is told of every end that nobody asked for; `code` is negative for a signal.

    Attributes:
        spec: what is run; a change counts from the next start on.
        started: set while a child has been started; clear it to wait for the next one.
        starts: how often the child was started.
        last_code: how the last run ended; None while the first goes on.
    """

    def __init__(self, spec: ProcessSpec, *, on_exit: Callable[[str, int], None] | None = None) -> None:
        self.spec = spec
        self._on_exit = on_exit
        self._process: asyncio.subprocess.Process | None = None
        self._stopping = asyncio.Event()
        self.started = asyncio.Event()
        self.starts = 0
        self.last_code: int | None = None

    @property
    def pid(self) -> int | None:
        """Process id of the running child; None between two runs."""
        process = self._process
        return process.pid if process is not None and process.returncode is None else None

    async def run(self) -> None:
        """Keep the child running; returns once `stop` was called and the child is gone.

        Cancelling this kills the child at once: no process is ever left behind.

        Raises:
            OSError: The command cannot be executed at all.
        """
        delay_s = FIRST_DELAY_S
        loop = asyncio.get_running_loop()
        try:
            while not self._stopping.is_set():
                started_at = loop.time()
                code = await self._run_once()
                if self._stopping.is_set():
                    return
                if self._on_exit is not None:
                    self._on_exit(self.spec.name, code)
                delay_s = FIRST_DELAY_S if loop.time() - started_at > STEADY_AFTER_S else delay_s * 2
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._stopping.wait(), min(delay_s, LONGEST_DELAY_S))
        finally:
            self._kill()

    async def _run_once(self) -> int:
        self.spec.log.parent.mkdir(parents=True, exist_ok=True)
        with self.spec.log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *self.spec.argv,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, **self.spec.env},
                start_new_session=True,
                preexec_fn=_die_with_parent,
            )
        self.starts += 1
        self.started.set()
        if self._stopping.is_set():  # `stop` came while the child was being made, and saw none
            self._process.terminate()
        self.last_code = await self._process.wait()
        return self.last_code

    def _kill(self) -> None:
        if self.pid is not None and self._process is not None:
            self._process.kill()

    async def stop(self, *, grace_s: float = 25.0) -> None:
        """End the child with SIGTERM, and with SIGKILL after `grace_s` seconds; no restart follows."""
        self._stopping.set()
        process = self._process
        if process is None or process.returncode is not None:
            return
        process.terminate()
        try:
            await asyncio.wait_for(process.wait(), grace_s)
        except TimeoutError:
            process.kill()
            await process.wait()
