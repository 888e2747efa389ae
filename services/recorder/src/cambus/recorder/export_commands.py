"""The commands of exports: in one call, and step by step for those that take a while."""

from collections.abc import Callable, Iterator

from cambus.bus.calls import CallContext
from cambus.bus.endpoints import Endpoints
from cambus.client.calling import BusClient
from cambus.recorder.export_jobs import ExportJobs, Job
from cambus.recorder.exports import Export, Exports
from cambus.recorder.handlers import span_of
from cambus.recorder.layout import StreamKey, from_us
from cambus.recorder.lending import Lending
from cambus.schemas.commands import recorder, recorder_export
from cambus.schemas.errors import CambusError, NotFound
from cambus.schemas.ids import new_ulid
from cambus.schemas.model import Done
from cambus.schemas.spans import RecordingGap

QUIET_S = 0.3
"""How long after an answer other replicas may still say what they hold."""


class ExportCommands:
    """Answers `svc.recorder.recording.export` and `svc.recorder.export.…`.

    Args:
        replica: this replica's name.
        client: asks the other replicas.
        exports: makes exports.
        jobs: those that take a while.
        lending: sends what is recorded here to other replicas.
        base_url: where this replica's HTTP port is reached; asked when it is needed.
        replicas: how many recorders there are, as far as is known.
    """

    def __init__(
        self,
        replica: str,
        client: BusClient,
        exports: Exports,
        jobs: ExportJobs,
        lending: Lending,
        base_url: Callable[[], str],
        replicas: Callable[[], int],
    ) -> None:
        self._replica = replica
        self._client = client
        self._exports = exports
        self._jobs = jobs
        self._lending = lending
        self._base_url = base_url
        self._replicas = replicas

    def register(self, endpoints: Endpoints) -> None:
        """Answer the commands."""
        endpoints.add(recorder.RECORDING_EXPORT, self.export)
        endpoints.add(recorder_export.EXPORT_BEGIN, self.begin)
        endpoints.add(recorder_export.EXPORT_PREPARE, self.prepare)
        endpoints.add(recorder_export.EXPORT_LEND, self.lend)
        endpoints.add(recorder_export.EXPORT_STATUS, self.status)
        endpoints.add(recorder_export.EXPORT_CANCEL, self.cancel)

    async def export(self, _: CallContext, request: recorder.RecordingExportRequest) -> recorder.ExportRef:
        """Prepare an MP4.

        Raises:
            BadRequest: The time ends before it begins.
            NotFound: Nothing of it is recorded here.
            TooLarge: It is more than one export may hold.
            Overloaded: Too many exports can be fetched already.
        """
        start_us, end_us = span_of(request.start, request.end)
        key = StreamKey(request.device, request.channel, request.stream)
        close_gaps = request.gaps == "close"
        return self._ref(
            await self._exports.create(
                key, start_us, end_us, close_gaps=close_gaps, container=request.container
            )
        )

    async def begin(
        self, _: CallContext, request: recorder.RecordingExportRequest
    ) -> recorder_export.ExportState:
        """Have whoever holds most of it prepare it.

        Raises:
            BadRequest: The time ends before it begins.
            NotFound: Nothing of it is recorded.
            Overloaded: Too many exports are being prepared there.
        """
        span_of(request.start, request.end)
        wanted = recorder.RecordedFindRequest(
            device=request.device,
            channel=request.channel,
            stream=request.stream,
            start=request.start,
            end=request.end,
        )
        outcomes = await self._client.broadcast_all(
            recorder.RECORDING_FIND, wanted, timeout_s=3.0, expected=self._replicas(), quiet_s=QUIET_S
        )
        held = {
            reply.replica: sum((span.end - span.start).total_seconds() for span in reply.spans)
            for reply in outcomes
            if not isinstance(reply, CambusError) and reply.spans
        }
        if not held:
            raise NotFound("nothing of it is recorded in that time", reason="nothing-recorded")
        order = recorder_export.ExportPrepareRequest(
            **request.model_dump(), to=max(held, key=lambda name: held[name]), export=f"exp-{new_ulid()}"
        )
        return await self._client.call_holder(recorder_export.EXPORT_PREPARE, order)

    async def prepare(
        self, _: CallContext, request: recorder_export.ExportPrepareRequest
    ) -> recorder_export.ExportState:
        """Prepare it here. Raises NotFound: another replica is meant; Overloaded: too many wait already."""
        if request.to != self._replica:
            raise NotFound("another replica is to prepare it", reason="not-this-replica")
        start_us, end_us = span_of(request.start, request.end)
        key = StreamKey(request.device, request.channel, request.stream)
        job = self._jobs.begin(
            request.export,
            key,
            start_us,
            end_us,
            close_gaps=request.gaps == "close",
            container=request.container,
        )
        return self._state(job)

    async def lend(
        self, _: CallContext, request: recorder_export.ExportLendRequest
    ) -> recorder_export.ExportLendReply:
        """Send what is recorded here. Raises NotFound: another replica is meant; Overloaded: too much is sent."""
        return await self._lending.lend(request)

    async def status(
        self, _: CallContext, request: recorder_export.ExportRequest
    ) -> recorder_export.ExportState:
        """How it is. Raises NotFound: it is not here, or its time is over."""
        return self._state(self._jobs.find(request.export))

    async def cancel(self, _: CallContext, request: recorder_export.ExportRequest) -> Done:
        """Give it up. Raises NotFound: it is not here, or its time is over."""
        self._jobs.cancel(request.export)
        return Done()

    def _state(self, job: Job) -> recorder_export.ExportState:
        return recorder_export.ExportState(
            export=job.id,
            replica=self._replica,
            state=job.state,
            progress=1.0 if job.state == "ready" else job.progress.part,
            ref=None if job.export is None else self._ref(job.export),
            error=job.error,
        )

    def _ref(self, export: Export) -> recorder.ExportRef:
        return recorder.ExportRef(
            url=f"{self._base_url()}/exports/{export.token}.{export.container}",
            start=from_us(export.start_us),
            end=from_us(export.end_us),
            bytes=export.movie.total_bytes,
            covered=list(export.covered),
            replica=self._replica,
            replicas=[*([self._replica] if export.segments else []), *export.borrowed.replicas],
            gaps=list(gaps_in(export)),
            silent=list(export.borrowed.silent),
            expires_at=self._exports.expiry_of(export),
        )


def gaps_in(export: Export) -> Iterator[RecordingGap]:
    """The known gaps of an export, cut to its time, as far as nothing covers them."""
    start, end = from_us(export.start_us), from_us(export.end_us)
    for gap in export.borrowed.gaps:
        if gap.start < end and gap.end > start:
            yield gap.model_copy(update={"start": max(gap.start, start), "end": min(gap.end, end)})
