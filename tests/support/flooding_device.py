"""A device in a process of its own that reports one alarm after the other; made to be killed.

    python flooding_device.py dvrip|gb28181 DEVICE BOOK KEEPS PAUSE_S OPTIONS

KEEPS: 1, it goes on with what nobody had heard when it was killed; 0, it has forgotten it. OPTIONS: of the simulator,
as JSON. It writes a line once it can be told to stop: by SIGTERM, which it does when its last report is heard.
"""

import asyncio
import json
import signal
import sys
from pathlib import Path

from alarm_flood import DOORS, DvripFlood, Gb28181Flood
from device_book import DeviceBook
from gb28181_rig import SMALL

from cambus.simulators.dvrip import DvripSimulator
from cambus.simulators.gb28181.simulator import Gb28181Simulator


async def report(
    kind: str, device: str, book: DeviceBook, keeps: bool, pause_s: float, options: dict
) -> None:
    """Report until told to stop."""
    enough = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, enough.set)
    print("on", flush=True)
    if kind == "dvrip":
        # one that forgets does not know after a restart which doors are open: these are others, then
        doors = DOORS if keeps else (f"{DOORS[0]}{book.lives}", f"{DOORS[1]}{book.lives}")
        flood = DvripFlood(device, book, pause_s, book.began, book.first, doors)
        flood.simulator = DvripSimulator(**options, utc_now=flood.clock)
    else:
        flood = Gb28181Flood(device, book, pause_s, book.began, book.first)
        options["server"] = tuple(options["server"])
        flood.simulator = Gb28181Simulator(**options, media=SMALL)
    async with flood.simulator:
        await flood.run(enough)


def main() -> None:
    kind, device, path, kept, pause_s, options = sys.argv[1:]
    keeps = kept == "1"
    book = DeviceBook(Path(path), keeps=keeps)
    try:
        asyncio.run(report(kind, device, book, keeps, float(pause_s), json.loads(options)))
    finally:
        book.close()


if __name__ == "__main__":
    main()
