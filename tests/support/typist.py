"""Types command lines of cambusctl one after the other in a process of its own, which imports once what they need."""

import asyncio
import contextlib
import io
import json
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

MOST_BYTES = 1 << 22


class Typist:
    """The process, as its user sees it; one line at a time."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def types(self, *arguments: str) -> tuple[int, str, str]:
        """Run a command to its end: its exit code, and what it printed on both outputs."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(arguments).encode() + b"\n")
        async with asyncio.timeout(120):
            answer: list[Any] = json.loads(await self._process.stdout.readline() or b"null")
        code, out, err = answer
        return code, out, err


@contextlib.asynccontextmanager
async def typist(folder: Path, **variables: str) -> AsyncIterator[Typist]:
    """Somebody who types in a folder, with these variables set."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, __file__),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        cwd=folder,
        env={**os.environ, **variables},
        limit=MOST_BYTES,
    )
    try:
        yield Typist(process)
    finally:
        if process.stdin is not None:
            process.stdin.close()
        async with asyncio.timeout(30):
            await process.wait()


def _serve() -> None:
    from cambus.cli.main import run

    answers = os.fdopen(os.dup(1), "w")
    for order in sys.stdin:
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = run(json.loads(order))
        answers.write(json.dumps([code, out.getvalue(), err.getvalue()]) + "\n")
        answers.flush()


if __name__ == "__main__":
    _serve()
