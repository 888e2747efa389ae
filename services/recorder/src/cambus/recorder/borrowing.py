"""Getting from other recorders what this one lacks of a span of time, so that an export of it is one whole file."""

import asyncio
import hashlib
import logging
import shutil
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Executor
from pathlib import Path
from typing import BinaryIO, Final

from cambus.bus.connection import Bus
from cambus.client.calling import BusClient
from cambus.client.errors import BusError
from cambus.client.transfer_reader import TransferReader
from cambus.recorder.borrowed import FOLDER, Borrowed
from cambus.recorder.export_movie import CancelledError, Piece, Progress
from cambus.recorder.layout import StreamKey, from_us, to_us
from cambus.recorder.merging import merge
from cambus.schemas.commands.recorder import RECORDING_FIND, RecordedFindReply, RecordedFindRequest
from cambus.schemas.commands.recorder_export import EXPORT_LEND, ExportLendReply, ExportLendRequest
from cambus.schemas.errors import CambusError, Internal, TooLarge
from cambus.schemas.spans import RecordedSpan, TimeRange

logger = logging.getLogger(__name__)

ASK_S: Final = 5.0
QUIET_S: Final = 1.0
"""How long after an answer the others are waited for."""

LEAST_US: Final = 500_000
"""What is shorter is not worth asking for: it is where one recording goes on with the next."""

MOST_SPANS: Final = 1000

Span = tuple[int, int]


class Borrowing:
    """Asks the other recorders for what is missing here.

    Args:
        replica: this replica's name.
        bus: the connection.
        client: asks the others.
        root: the folder of the recordings.
        threads: where files are written.
        known: the recorders there are, running or not.
        room: bytes that may be written.
        check_length: raises TooLarge if an export may not hold so many microseconds.
    """

    def __init__(
        self,
        replica: str,
        bus: Bus,
        client: BusClient,
        root: Path,
        threads: Executor,
        known: Callable[[], frozenset[str]],
        room: Callable[[], int],
        check_length: Callable[[int], None],
    ) -> None:
        self._replica = replica
        self._bus = bus
        self._client = client
        self._folder = root / FOLDER
        self._threads = threads
        self._known = known
        self._room = room
        self._check_length = check_length

    def clear(self) -> None:
        """Remove what the last run left. Blocks."""
        shutil.rmtree(self._folder, ignore_errors=True)

    async def gather(
        self, name: str, key: StreamKey, start_us: int, end_us: int, progress: Progress
    ) -> Borrowed:
        """Fetch what others hold and this one does not.

        Raises:
            TooLarge: there is no room for it, or it is more than one export may hold.
            CancelledError: `progress` said so.
            OSError: the disk does not take it.
        """
        known = self._known()
        replies = await self._find(key, start_us, end_us, len(known))
        silent = set(known) - {reply.replica for reply in replies}
        spans, gaps = merge(replies)
        self._check_length(sum(to_us(span.end) - to_us(span.start) for span in spans))
        folder = self._folder / name
        pieces: list[Piece] = []
        lenders: list[str] = []
        try:
            for replica, share in shares(replies, self._replica, start_us, end_us):
                lent = await self._borrow(folder / str(len(lenders)), replica, key, share, progress)
                if lent is None:
                    silent.add(replica)
                    continue
                pieces += lent
                lenders.append(replica)
        except BaseException:
            await self._in_thread(shutil.rmtree, folder, True)
            raise
        return Borrowed(
            tuple(pieces), folder if pieces else None, tuple(lenders), tuple(sorted(silent)), tuple(gaps)
        )

    async def _find(
        self, key: StreamKey, start_us: int, end_us: int, expected: int
    ) -> list[RecordedFindReply]:
        request = RecordedFindRequest(
            device=key.device,
            channel=key.channel,
            stream=key.stream,
            start=from_us(start_us),
            end=from_us(end_us),
        )
        try:
            outcomes = await self._client.broadcast_all(
                RECORDING_FIND, request, timeout_s=ASK_S, expected=expected, quiet_s=QUIET_S
            )
        except (CambusError, BusError) as error:
            logger.warning("other recorders cannot be asked", extra={"reason": str(error)})
            return []
        return [each for each in outcomes if not isinstance(each, CambusError)]

    async def _borrow(
        self, folder: Path, replica: str, key: StreamKey, spans: Sequence[Span], progress: Progress
    ) -> list[Piece] | None:
        """What one recorder lends; None if it does not, or not to the end."""
        request = ExportLendRequest(
            to=replica,
            device=key.device,
            channel=key.channel,
            stream=key.stream,  # type: ignore[arg-type]  # of a recording: an encoder stream
            spans=[TimeRange(start=from_us(start), end=from_us(end)) for start, end in spans[:MOST_SPANS]],
        )
        try:
            lent = await self._client.call_holder(EXPORT_LEND, request)
            self._check_room(replica, size := sum(file.bytes for file in lent.files))
            progress.to_fetch += size
            return await self._fetch(folder, lent, progress)
        except TooLarge:
            raise
        except (CambusError, BusError) as error:
            logger.warning("another recorder does not lend", extra={"replica": replica, "reason": str(error)})
            return None

    def _check_room(self, replica: str, size: int) -> None:
        if size > self._room():
            raise TooLarge(
                f"{size >> 20} MiB of it are at {replica}; the disk of {self._replica} has no room for them",
                reason="no-room",
            )

    async def _fetch(self, folder: Path, lent: ExportLendReply, progress: Progress) -> list[Piece]:
        files = _Files(folder, [(file.bytes, to_us(file.origin)) for file in lent.files])
        reader = TransferReader(self._bus, lent.subject)
        try:
            async for chunk in reader.chunks():
                if progress.cancelled:
                    raise CancelledError
                await self._in_thread(files.write, chunk)
                progress.fetched += len(chunk)
        finally:
            await self._in_thread(files.close)
        if reader.end is None or reader.end.sha256 != files.sha256 or not files.complete:
            raise Internal("what another recorder sent is not what it told")
        return files.pieces

    async def _in_thread(self, function: Callable[..., object], *arguments: object) -> None:
        await asyncio.get_running_loop().run_in_executor(self._threads, function, *arguments)


def shares(
    replies: Iterable[RecordedFindReply], here: str, start_us: int, end_us: int
) -> list[tuple[str, list[Span]]]:
    """Whom to ask for what: whatever this recorder lacks, of as few others as may be."""
    held = {reply.replica: _held(reply.spans) for reply in replies}
    lacking = _without([(start_us, end_us)], held.pop(here, []))
    asked: list[tuple[str, list[Span]]] = []
    while lacking and held:
        found = {name: _both(lacking, spans) for name, spans in held.items()}
        best = max(sorted(found), key=lambda name: sum(end - start for start, end in found[name]))
        if not found[best]:
            break
        asked.append((best, found[best]))
        lacking = _without(lacking, held.pop(best))
    return asked


def _held(spans: Iterable[RecordedSpan]) -> list[Span]:
    return sorted((to_us(span.start), to_us(span.end)) for span in spans)


def _both(wanted: Iterable[Span], held: Iterable[Span]) -> list[Span]:
    """What is in both, but for scraps."""
    both = ((max(a, c), min(b, d)) for a, b in wanted for c, d in held)
    return sorted((start, end) for start, end in both if end - start >= LEAST_US)


def _without(wanted: Iterable[Span], held: Iterable[Span]) -> list[Span]:
    """What is wanted and not held, but for scraps."""
    left = list(wanted)
    for start, end in held:
        left = [
            piece for a, b in left for piece in ((a, min(b, start)), (max(a, end), b)) if piece[0] < piece[1]
        ]
    return [(start, end) for start, end in left if end - start >= LEAST_US]


class _Files:
    """The files that one transfer is cut into. Blocks."""

    def __init__(self, folder: Path, files: Sequence[tuple[int, int]]) -> None:
        self._folder = folder
        self._sizes = [size for size, _ in files]
        self._digest = hashlib.sha256()
        self._open: BinaryIO | None = None
        self._left = 0
        self._number = 0
        self.pieces = [
            Piece(folder / f"{number}.mp4", origin_us, size) for number, (size, origin_us) in enumerate(files)
        ]

    def write(self, data: bytes) -> None:
        """Take the next bytes."""
        self._digest.update(data)
        while data:
            if not self._left:
                self._next()
            taken, data = data[: self._left], data[self._left :]
            if self._open is not None:
                self._open.write(taken)
            self._left -= len(taken)

    def _next(self) -> None:
        self.close()
        if self._number == len(self._sizes):
            raise Internal("another recorder sends more than it told")
        self._folder.mkdir(parents=True, exist_ok=True)
        self._open = self.pieces[self._number].path.open("wb")
        self._left = self._sizes[self._number]
        self._number += 1

    def close(self) -> None:
        """No more comes."""
        if self._open is not None:
            self._open.close()
            self._open = None

    @property
    def sha256(self) -> str:
        """Of all that was written, in hex."""
        return self._digest.hexdigest()

    @property
    def complete(self) -> bool:
        """Whether all of it has come."""
        return self._number == len(self._sizes) and not self._left
