"""A process that copies what is to be copied of some recordings, and ends when nothing is left; made to be killed.

    python copying_process.py RECORDINGS ENDPOINT URL REGION KEY_ID_FILE SECRET_FILE PART_BYTES

It starts as the recorder does: files and index are brought together, and what is to be copied is learnt from the disk.
"""

import asyncio
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from cambus.bus.metrics import Metrics
from cambus.recorder import copier as copier_module
from cambus.recorder import copy_store
from cambus.recorder.bandwidth import Bandwidth
from cambus.recorder.copier import Copier
from cambus.recorder.copies import Copies
from cambus.recorder.copy_names import CopyNames
from cambus.recorder.copy_store import CopyStore, StoreAddress
from cambus.recorder.observe import RecorderMetrics
from cambus.recorder.opening import open_index
from cambus.recorder.recovery import recover


async def copy_all(root: Path, address: StoreAddress, names: str) -> None:
    """Copy until nothing is left."""
    with open_index(root) as index:
        recover(root, index)
        copies = Copies(root)
        copies.load(index)
    with ThreadPoolExecutor(2) as threads:
        copier = Copier(
            "r-0",
            root,
            copies,
            lambda: CopyStore(address),
            CopyNames(names),
            threads,
            Bandwidth(0),
            RecorderMetrics(Metrics()),
            concurrency=1,
            alarm_s=600.0,
        )
        running = asyncio.create_task(copier.run())
        while copies.pending:  # noqa: ASYNC110  # nothing tells when it is zero
            await asyncio.sleep(0.01)
        running.cancel()
        await asyncio.wait([running])


def main() -> None:
    root, endpoint, url, region, key_id, secret, part_bytes = sys.argv[1:]
    copy_store.PART_BYTES = int(part_bytes)  # type: ignore[misc]  # smaller than S3 allows
    copier_module.LOOK_S = 0.02  # type: ignore[misc]  # not a second
    address = StoreAddress(url, endpoint, region, Path(key_id), Path(secret))
    asyncio.run(copy_all(Path(root), address, "{device}_{channel}_{start}.{ext}"))


if __name__ == "__main__":
    main()
