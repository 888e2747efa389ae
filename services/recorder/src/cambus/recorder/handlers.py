"""The commands of recorder."""

import asyncio
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor
from datetime import datetime

from cambus.bus.calls import CallContext
from cambus.bus.endpoints import Endpoints
from cambus.recorder.exports import Exports
from cambus.recorder.index import Gap, Index, Segment
from cambus.recorder.layout import StreamKey, from_us, to_us
from cambus.recorder.policies import SUPPORTED_MODES, PolicyBook
from cambus.schemas import keys
from cambus.schemas.commands import recorder as commands
from cambus.schemas.errors import BadRequest, NotFound, Unsupported
from cambus.schemas.model import Done, Empty
from cambus.schemas.spans import GapReason, RecordedSpan, RecordingGap

CONTIGUOUS_US = 1_000_000
MAX_SPANS = 5000


class RecorderCommands:
    """Answers `svc.recorder.…`.

    Args:
        replica: this replica's name.
        index: what is recorded.
        threads: where the index is read.
        exports: makes exports.
        policies: the policies of the bus.
        base_url: where this replica's HTTP port is reached; asked when it is needed.
    """

    def __init__(
        self,
        replica: str,
        index: Index,
        threads: Executor,
        exports: Exports,
        policies: PolicyBook,
        base_url: Callable[[], str],
    ) -> None:
        self._replica = replica
        self._index = index
        self._threads = threads
        self._exports = exports
        self._policies = policies
        self._base_url = base_url

    def register(self, endpoints: Endpoints) -> None:
        """Answer the commands."""
        endpoints.add(commands.RECORDING_FIND, self.find)
        endpoints.add(commands.RECORDING_EXPORT, self.export)
        endpoints.add(commands.POLICY_SET, self.set_policy)
        endpoints.add(commands.POLICY_LIST, self.list_policies)
        endpoints.add(commands.POLICY_DELETE, self.delete_policy)

    async def find(self, _: CallContext, request: commands.RecordedFindRequest) -> commands.RecordedFindReply:
        """What this replica holds between two instants, and what it should hold and does not.

        Raises:
            BadRequest: The time ends before it begins.
        """
        start_us, end_us = _span(request.start, request.end)
        loop = asyncio.get_running_loop()
        segments, gaps = await loop.run_in_executor(self._threads, self._find, request, start_us, end_us)
        spans = list(_spans(segments, start_us, end_us))
        return commands.RecordedFindReply(
            replica=self._replica,
            spans=spans[:MAX_SPANS],
            gaps=[_gap(gap, start_us, end_us) for gap in gaps[:MAX_SPANS]],
            truncated=max(len(spans), len(gaps)) > MAX_SPANS,
        )

    def _find(
        self, request: commands.RecordedFindRequest, start_us: int, end_us: int
    ) -> tuple[list[Segment], list[Gap]]:
        segments = self._index.find(
            request.device, start_us, end_us, channel=request.channel, stream=request.stream
        )
        gaps = self._index.gaps(
            request.device, start_us, end_us, channel=request.channel, stream=request.stream
        )
        return segments, gaps

    async def export(self, _: CallContext, request: commands.RecordingExportRequest) -> commands.ExportRef:
        """Prepare an MP4.

        Raises:
            BadRequest: The time ends before it begins.
            NotFound: Nothing of it is recorded here.
        """
        start_us, end_us = _span(request.start, request.end)
        key = StreamKey(request.device, request.channel, request.stream)
        export = await self._exports.create(key, start_us, end_us)
        return commands.ExportRef(
            url=f"{self._base_url()}/exports/{export.token}.mp4",
            start=from_us(export.start_us),
            end=from_us(export.end_us),
            bytes=export.movie.total_bytes,
            covered=list(export.covered),
            replica=self._replica,
            expires_at=self._exports.expiry_of(export),
        )

    async def set_policy(self, _: CallContext, request: commands.PolicySetRequest) -> Done:
        """Write a policy.

        Raises:
            Unsupported: Its mode is none this recorder can do.
        """
        policy = request.policy
        if policy.mode not in SUPPORTED_MODES:
            raise Unsupported(f"this recorder cannot record in the mode {policy.mode}")
        if policy.mode == "schedule" and policy.schedule is None:
            raise BadRequest("policy.schedule: the mode schedule needs one")
        await self._policies.stored.put(keys.recording_policy(policy.id), policy)
        return Done()

    async def list_policies(self, _: CallContext, __: Empty) -> commands.PolicyListReply:
        """Every policy, by id."""
        entries = await self._policies.stored.items(f"{keys.RECORDING_POLICIES}>")
        return commands.PolicyListReply(policies=[entries[key].value for key in sorted(entries)])

    async def delete_policy(self, _: CallContext, request: commands.PolicyDeleteRequest) -> Done:
        """Forget a policy.

        Raises:
            NotFound: There is none of that name.
        """
        key = keys.recording_policy(request.id)
        if await self._policies.stored.get(key) is None:
            raise NotFound(f"there is no policy {request.id}")
        await self._policies.stored.delete(key)
        return Done()


def _span(start: datetime, end: datetime) -> tuple[int, int]:
    start_us, end_us = to_us(start), to_us(end)
    if end_us <= start_us:
        raise BadRequest("end: wanted an instant after start")
    return start_us, end_us


def _spans(segments: Iterable[Segment], start_us: int, end_us: int) -> Iterator[RecordedSpan]:
    """Runs of contiguous segments as one span each, cut to the question."""
    run: list[Segment] = []
    for segment in segments:
        if run and not _continues(segment, run[-1]):
            yield _joined(run, start_us, end_us)
            run = []
        run.append(segment)
    if run:
        yield _joined(run, start_us, end_us)


def _continues(segment: Segment, before: Segment) -> bool:
    alike = (
        segment.key == before.key
        and segment.locked == before.locked
        and segment.name.trigger is before.name.trigger
    )
    return alike and segment.start_us - before.end_us < CONTIGUOUS_US


def _joined(run: list[Segment], start_us: int, end_us: int) -> RecordedSpan:
    key = run[0].key
    return RecordedSpan(
        channel=key.channel,
        stream=key.stream,
        start=from_us(max(run[0].start_us, start_us)),
        end=from_us(min(run[-1].end_us, end_us)),
        bytes=sum(segment.extent.bytes for segment in run),
        locked=run[0].locked,
        trigger=run[0].name.trigger,
    )


def _gap(gap: Gap, start_us: int, end_us: int) -> RecordingGap:
    return RecordingGap(
        channel=gap.key.channel,
        stream=gap.key.stream,
        start=from_us(max(gap.start_us, start_us)),
        end=from_us(min(gap.end_us, end_us)),
        reason=GapReason(gap.reason),
    )
