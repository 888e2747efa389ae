"""Firmware upgrade (DVRIP §13), up to the moment the device restarts."""

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Callable
from dataclasses import dataclass
from enum import StrEnum

from cambus.dvrip.codes import ReturnCode, code_text
from cambus.dvrip.connection import PendingReply
from cambus.dvrip.errors import ConnectionLost, DvripError, ProtocolError, Refused, RequestTimeout
from cambus.dvrip.events import DeviceEvent, DevicePush, EventStream
from cambus.dvrip.ids import MessageId
from cambus.dvrip.messages.bodies import named, return_code
from cambus.dvrip.messages.upgrade import RESULTS, UPGRADE, UpgradeInfo, UpgradeResult, upgrade_body
from cambus.dvrip.operations.caller import Caller, require_confirm
from cambus.dvrip.payload import decode_body

_REPORTS = frozenset({int(MessageId.UPGRADE_PROGRESS), int(MessageId.UPGRADE_RESULT)})


class UpgradePhase(StrEnum):
    """How far an upgrade is; what was lost in which phase decides whether it may be tried again."""

    STARTING = "starting"
    SENDING = "sending"
    WRITING = "writing"


@dataclass(frozen=True, slots=True)
class UpgradeProgress:
    """Where an upgrade stands: bytes taken by the device while sending, percent while it writes."""

    phase: UpgradePhase
    bytes_sent: int
    percent: int


class UpgradeError(DvripError):
    """An upgrade did not come to a good end.

    Attributes:
        phase: where it ended.
        result: what the device said, or None when it said nothing.
        code: its own result code, if it gave one.
        percent: the last progress while writing.
        is_unknown: the device may have been upgraded or not: only its version tells, nothing may be sent
            again.
    """

    def __init__(
        self,
        text: str,
        phase: UpgradePhase,
        *,
        result: UpgradeResult | None = None,
        code: int | None = None,
        percent: int = 0,
    ) -> None:
        super().__init__(f"upgrade failed while {phase.value}: {text}")
        self.phase = phase
        self.result = result
        self.code = code
        self.percent = percent
        self.is_unknown = phase is UpgradePhase.WRITING and result is None


class UpgradeOperations:
    """One upgrade at a time.

    Attributes:
        is_running: whether one is.
    """

    def __init__(self, caller: Caller) -> None:
        self._caller = caller
        self._abort = False
        self.is_running = False

    async def info(self) -> UpgradeInfo:
        """What firmware the device takes (1525).

        Raises:
            Unsupported: it does not say.
        """
        reply = await self._caller.call(MessageId.UPGRADE_INFO, named(UPGRADE), label="upgrade info")
        return UpgradeInfo.parse(reply.body)

    def abort(self) -> None:
        """Stop a running upgrade at the next piece; without effect once everything was sent."""
        self._abort = True

    async def run(
        self,
        image: bytes | AsyncIterable[bytes],
        *,
        kind: str = "System",
        confirm: bool = False,
        on_progress: Callable[[UpgradeProgress], None] | None = None,
        may_end: Callable[[], bool] = lambda: True,
    ) -> None:
        """Send firmware and wait until the device reports success; it restarts then.

        Args:
            image: the package, whole or in chunks of any size.
            kind: ``Type`` of the upgrade.
            confirm: must be True.
            on_progress: called after every piece and every report; must not block.
            may_end: asked once all pieces are taken, right before the packet that makes the device write them; if it
                says no the upgrade is aborted.

        Raises:
            Refused: not confirmed, or one is running.
            UpgradeError: everything else; see its attributes.
        """
        require_confirm("upgrading", confirm=confirm)
        if self.is_running:
            raise Refused("busy", "an upgrade is running")
        report = on_progress or _ignore
        self._abort = False
        self.is_running = True
        try:
            with self._caller.events(only=_REPORTS) as reports:
                await self._start(kind)
                sent, sequence, held = await self._send(image, kind, report)
                if self._abort or not may_end():
                    await self._send_abort(kind)
                last = self._end(sequence, held)
                try:
                    await self._follow(reports, sent, report)
                finally:
                    last.cancel()
        finally:
            self.is_running = False

    async def _start(self, kind: str) -> None:
        try:
            reply = await self._caller.request(
                MessageId.UPGRADE, upgrade_body("Start", kind), label="upgrade"
            )
            code = reply.code
        except DvripError as error:
            raise UpgradeError(str(error), UpgradePhase.STARTING) from error
        if code not in (ReturnCode.OK, None):
            raise _refused(code, UpgradePhase.STARTING)

    async def _send(
        self, image: bytes | AsyncIterable[bytes], kind: str, report: Callable[[UpgradeProgress], None]
    ) -> tuple[int, int, bytes]:
        """Send the pieces, each after the last one's acknowledgement.

        Returns:
            The bytes in all, the next sequence, and the piece that is to carry the end mark: empty, unless this
            device wants it on the last of them.
        """
        held = b""
        sent = 0
        sequence = 1
        async for piece in _pieces(image, self._caller.profile.upgrade_piece_bytes):
            if self._abort:
                await self._send_abort(kind)
            if self._caller.profile.end_flag_on_data:
                held, piece = piece, held  # noqa: PLW2901  # the one before goes, this one waits
                if not piece:
                    continue
            try:
                reply = await self._caller.request(
                    MessageId.UPGRADE_DATA, piece, timeout="upgrade_ack", label="firmware", sequence=sequence
                )
                code = reply.code
            except DvripError as error:
                raise UpgradeError(str(error), UpgradePhase.SENDING) from error
            if code not in (ReturnCode.OK, None):
                raise _refused(code, UpgradePhase.SENDING)
            sent += len(piece)
            sequence += 1
            report(UpgradeProgress(UpgradePhase.SENDING, sent, 0))
        return sent + len(held), sequence, held

    async def _send_abort(self, kind: str) -> None:
        try:
            await self._caller.request(
                MessageId.UPGRADE, upgrade_body("Abort", kind), label="abort of upgrade"
            )
        except DvripError as error:
            raise UpgradeError(f"aborted; {error}", UpgradePhase.SENDING) from error
        raise UpgradeError("aborted", UpgradePhase.SENDING)

    def _end(self, sequence: int, payload: bytes) -> PendingReply:
        """Send the end packet, mostly an empty one; not every device acknowledges it."""
        try:
            return self._caller.control.submit(
                MessageId.UPGRADE_DATA,
                payload,
                soft=True,
                timeout="upgrade_ack",
                label="end of firmware",
                sequence=sequence,
                end=True,
            )
        except DvripError as error:
            raise UpgradeError(str(error), UpgradePhase.SENDING) from error

    async def _follow(
        self, reports: EventStream, sent: int, report: Callable[[UpgradeProgress], None]
    ) -> None:
        """Wait for success while the device writes."""
        percent = 0
        timeout_s = self._caller.control.session.timeouts.upgrade_progress
        while True:
            try:
                async with asyncio.timeout(timeout_s):
                    code = _code_of(await anext(reports))
            except StopAsyncIteration:
                error: DvripError = ConnectionLost("the connection ended")
                raise UpgradeError(str(error), UpgradePhase.WRITING, percent=percent) from None
            except TimeoutError:
                error = RequestTimeout("upgrade_progress", timeout_s, "upgrade progress")
                raise UpgradeError(str(error), UpgradePhase.WRITING, percent=percent) from error
            if code is None:
                continue
            if 0 <= code <= 100:
                percent = code
                report(UpgradeProgress(UpgradePhase.WRITING, sent, percent))
            elif code == ReturnCode.UPGRADE_OK:
                return
            else:
                raise _refused(code, UpgradePhase.WRITING, percent)


def _code_of(event: DeviceEvent) -> int | None:
    if not isinstance(event, DevicePush):
        return None
    try:
        return return_code(decode_body(event.payload))
    except ProtocolError:
        return None


def _refused(code: int | None, phase: UpgradePhase, percent: int = 0) -> UpgradeError:
    result = RESULTS.get(code or 0, UpgradeResult.FAILED)
    text = "no code" if code is None else f"{code}: {code_text(code)}"
    return UpgradeError(text, phase, result=result, code=code, percent=percent)


async def _pieces(image: bytes | AsyncIterable[bytes], size: int) -> AsyncIterator[bytes]:
    """``image`` in pieces of exactly ``size`` bytes, the last one shorter."""
    if isinstance(image, bytes):
        for start in range(0, len(image), size):
            yield image[start : start + size]
        return
    pending = bytearray()
    async for chunk in image:
        pending += chunk
        while len(pending) >= size:
            yield bytes(pending[:size])
            del pending[:size]
    if pending:
        yield bytes(pending)


def _ignore(progress: UpgradeProgress) -> None:
    """Nobody wants to know."""
