"""Room inside a database: rows are taken though not one of its files can grow."""

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = """
import asyncio, resource, signal, sys
from pathlib import Path
from cambus.client.errors import BusError
from cambus.bus.outbox import Letter, Outbox

async def main(path, room):
    async with Outbox(path, room_bytes=room) as outbox:
        await outbox.put(Letter("first", "s", {}, b"x"))
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        largest = max(each.stat().st_size for each in path.parent.iterdir())
        resource.setrlimit(resource.RLIMIT_FSIZE, (largest, largest))
        taken = 0
        try:
            for number in range(2000):
                await outbox.put(Letter(str(number), "s", {}, bytes(400)))
                taken += 1
        except BusError:
            pass
        grown = max(each.stat().st_size for each in path.parent.iterdir()) - largest
        print(taken, grown)

asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2])))
"""


@pytest.mark.parametrize(("room", "taken"), [(4 << 20, 2000), (0, None)])
def test_an_outbox_with_room_takes_events_while_nothing_may_grow(
    tmp_path: Path, room: int, taken: int | None
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(tmp_path / "outbox.sqlite3"), str(room)],
        check=True,
        capture_output=True,
        text=True,
    )
    count, grown = map(int, done.stdout.split())
    assert grown == 0
    assert count == taken if taken is not None else count < 2000
