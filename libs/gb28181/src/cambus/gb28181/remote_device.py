"""One registered device, as those see it who want something from it (GB-060 to GB-132).

Everything here awaits the device; what it answers comes as bodies, what it refuses as errors.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Final, Protocol, TypeVar

from cambus.gb28181.catalog_assembly import RETRY_DELAYS_S, CatalogAssembly, CatalogResult, Outcome
from cambus.gb28181.errors import DeviceOffline, Refused, Unconfirmed, Unreachable, Unsupported
from cambus.gb28181.manscdp import catalog as catalogs
from cambus.gb28181.manscdp import config as configs
from cambus.gb28181.manscdp.control import ControlResult, DeviceControl, needs_2022
from cambus.gb28181.manscdp.envelope import CONTENT_TYPE, Envelope
from cambus.gb28181.manscdp.layout import Body
from cambus.gb28181.manscdp.presence import DeviceInfo, DeviceInfoQuery, DeviceStatus, DeviceStatusQuery
from cambus.gb28181.manscdp.ptz_state import PresetList, PresetQuery
from cambus.gb28181.manscdp.records import RecordPart, RecordQuery
from cambus.gb28181.outcomes import failure_of
from cambus.gb28181.pending import Parts, Pending
from cambus.gb28181.record_assembly import RecordAssembly, RecordResult
from cambus.gb28181.times import Times
from cambus.gb28181.versions import Version
from cambus.gb28181.xml import Element
from cambus.sip.errors import TransactionTimeout, TransportError
from cambus.sip.message import Request, Response
from cambus.sip.peer import Peer

OPEN_REQUESTS: Final = 4
MAX_CHANNEL_LOCKS: Final = 4096
FIRST_CSEQ: Final = 20
"""Where stacks in the field begin."""

T = TypeVar("T")
BodyT = TypeVar("BodyT", bound=Body)


class Line(Protocol):
    """How messages get to the device."""

    @property
    def peer(self) -> Peer | None:
        """Where it is now, None if it is not there."""

    @property
    def version(self) -> Version:
        """The edition it speaks."""

    @property
    def charset(self) -> str:
        """What to declare and encode in."""

    def compose(self, method: str, code: str, *, sequence: int) -> Request:
        """A request of ours to the device or one of its channels, outside a dialog."""

    async def send(self, request: Request, peer: Peer, timeout_s: float) -> Response:
        """Send it. Raises SipError."""


class RemoteDevice:
    """A device that has registered.

    Args:
        code: its code.
        line: how messages get to it.
        times: how long things may take.
    """

    def __init__(self, code: str, line: Line, times: Times) -> None:
        self.code = code
        self._line = line
        self._times = times
        self._pending = Pending()
        self._room = asyncio.Semaphore(OPEN_REQUESTS)
        self._in_order: OrderedDict[str, asyncio.Lock] = OrderedDict()
        self._searching: dict[str, asyncio.Lock] = {}
        self._gone = asyncio.Event()

    @property
    def version(self) -> Version:
        """The edition it speaks."""
        return self._line.version

    # --- for the platform -------------------------------------------------------------------------------

    def answered(self, envelope: Envelope) -> bool:
        """A Response came from the device; whether somebody waited for it."""
        return self._pending.answer(envelope)

    def gone(self) -> None:
        """The device is offline: whatever waits for it ends now (GB-054)."""
        self._gone.set()
        self._gone = asyncio.Event()

    # --- questions --------------------------------------------------------------------------------------

    async def info(self) -> DeviceInfo:
        """What it is."""
        return await self._ask(DeviceInfoQuery(), DeviceInfo, self.code)

    async def status(self, code: str | None = None) -> DeviceStatus:
        """How it, or one of its channels, is."""
        return await self._ask(DeviceStatusQuery(), DeviceStatus, code or self.code)

    async def presets(self, channel: str) -> PresetList:
        """The presets of a channel."""
        return await self._ask(PresetQuery(), PresetList, channel)

    async def ask(self, query: Body, answer: type[BodyT], code: str) -> BodyT:
        """Any question with one answer."""
        return await self._ask(query, answer, code)

    async def catalog(self, code: str | None = None, *, now: Callable[[], float]) -> CatalogResult:
        """What is behind it, as far as it tells; asked again twice if nothing comes at all.

        Args:
            code: a node to ask for; by default the device.
            now: the clock of the assembly, the event loop's.
        """
        result = await self._catalog_once(code or self.code, now)
        for delay_s in RETRY_DELAYS_S:
            if result.outcome is not Outcome.FAILED:
                break
            await asyncio.sleep(delay_s)
            result = await self._catalog_once(code or self.code, now)
        return result

    async def _catalog_once(self, code: str, now: Callable[[], float]) -> CatalogResult:
        sn, parts = self._pending.next_sn(), Parts()
        with self._pending.waiting(catalogs.COMMAND, sn, parts.put):
            await self._deliver(catalogs.query(sn, code, charset=self._line.charset))
            assembly = CatalogAssembly(now(), self._times.catalog)
            while (result := assembly.due(now())) is None:
                part = await self._until_gone(parts.next(assembly.deadline))
                if part is not None:
                    assembly.add(catalogs.CatalogPart.parse(part), now())
            return result

    async def records(self, query: RecordQuery, channel: str, *, now: Callable[[], float]) -> RecordResult:
        """The recordings of a channel; one search of a channel at a time (GB-123).

        Raises:
            Unconfirmed: the device took the question, and nothing came.
        """
        lock = self._searching.setdefault(channel, asyncio.Lock())
        async with lock:
            sn, parts = self._pending.next_sn(), Parts()
            with self._pending.waiting(RecordQuery.COMMAND, sn, parts.put):
                await self._deliver(query.serialize(sn, channel, charset=self._line.charset))
                assembly = RecordAssembly(now(), self._times.records)
                while not assembly.complete and now() < assembly.deadline:
                    part = await self._until_gone(parts.next(assembly.deadline))
                    if part is not None:
                        assembly.add(RecordPart.parse(part), now())
        result = assembly.result()
        if result is None:
            raise Unconfirmed("the device took the search and never answered it")
        return result

    async def config(self, types: Sequence[str], code: str | None = None) -> list[configs.ConfigAnswer]:
        """Blocks of its configuration: those that came, in the order they came (GB-220)."""
        sn, parts, found = self._pending.next_sn(), Parts(), list[configs.ConfigAnswer]()
        with self._pending.waiting("ConfigDownload", sn, parts.put):
            await self._deliver(configs.query(sn, code or self.code, types, charset=self._line.charset))
            until = self._now() + self._times.query_s
            while len(found) < len(types):
                part = await self._until_gone(parts.next(until))
                if part is None:
                    break
                found.append(configs.ConfigAnswer.parse(part))
                until = self._now() + self._times.config_gap_s
        if not found:
            raise Unconfirmed("the device took the question about its configuration and never answered it")
        return found

    async def configure(self, block: Element, code: str | None = None) -> None:
        """Set a block of its configuration."""
        if block.name in configs.NEW_IN_2022 and not self.version.is_2022:
            raise Unsupported(
                f"{block.name} is of the edition of 2022; the device speaks {self.version.value}"
            )
        sn = self._pending.next_sn()
        body = configs.order(sn, code or self.code, block, charset=self._line.charset)
        result = await self._result("DeviceConfig", sn, body, self._times.control_s)
        if result.result is False:
            raise Refused("the device does not take the configuration")

    # --- control ----------------------------------------------------------------------------------------

    async def control(self, control: DeviceControl, channel: str, *, force: bool = False) -> None:
        """Have it do something. Those of one channel are carried out in the order of the calls (GB-025).

        Args:
            control: what.
            channel: the code it concerns; the device's own for what concerns all of it.
            force: also what only a newer edition than the device's has.

        Raises:
            Unsupported: a command of 2022, and an older device.
            Refused: the device said no.
            Unconfirmed: it took the command and did not tell the result.
        """
        if needs_2022(control) and not self.version.is_2022 and not force:
            raise Unsupported(
                f"{control.command} is of the edition of 2022; the device speaks {self.version.value}"
            )
        async with self._order(channel):
            sn = self._pending.next_sn()
            body = control.serialize(sn, channel, charset=self._line.charset)
            if not control.is_answered:
                await self._deliver(body)
                return
            result = await self._result(ControlResult.COMMAND, sn, body, self._times.control_s)
        if result.result is False:
            raise Refused("the device could not carry the command out")

    def _order(self, channel: str) -> asyncio.Lock:
        lock = self._in_order.pop(channel, None) or asyncio.Lock()
        self._in_order[channel] = lock
        while len(self._in_order) > MAX_CHANNEL_LOCKS:
            self._in_order.popitem(last=False)
        return lock

    # --- messages ---------------------------------------------------------------------------------------

    async def notify(self, body: bytes) -> None:
        """Send a body that is answered by nothing but a 200."""
        await self._deliver(body)

    async def exchange(self, command: str, compose: Callable[[int], bytes], timeout_s: float) -> Envelope:
        """Send a body made with a fresh number, and return what comes under it."""
        sn = self._pending.next_sn()
        return await self._result(command, sn, compose(sn), timeout_s)

    async def _ask(self, query: Body, answer: type[BodyT], code: str) -> BodyT:
        sn = self._pending.next_sn()
        body = query.serialize(sn, code, charset=self._line.charset)
        return answer.parse(await self._result(answer.COMMAND, sn, body, self._times.query_s))

    async def _result(self, command: str, sn: int, body: bytes, timeout_s: float) -> Envelope:
        parts = Parts()
        with self._pending.waiting(command, sn, parts.put):
            await self._deliver(body)
            found = await self._until_gone(parts.next(self._now() + timeout_s))
        if found is None:
            raise Unconfirmed(f"the device took {command} and never told the result")
        return found

    async def _deliver(self, body: bytes) -> None:
        """Send a MESSAGE; it is addressed to the device, whatever it concerns (§2.1).

        Raises:
            DeviceOffline: it is not there.
            Unreachable: it did not answer.
            Refused: it answered with an error.
        """
        async with self._room:
            peer = self._line.peer
            if peer is None:
                raise DeviceOffline("the device is not registered")
            request = self._line.compose("MESSAGE", self.code, sequence=FIRST_CSEQ)
            request.headers.add("Content-Type", CONTENT_TYPE)
            request.body = body
            try:
                response = await self._until_gone(self._line.send(request, peer, self._times.request_s))
            except TransactionTimeout:
                raise Unreachable("the device does not answer") from None
            except TransportError as error:
                raise Unreachable(str(error)) from None
        failure = failure_of(response)
        if failure is not None:
            raise failure

    async def _until_gone(self, work: Coroutine[Any, Any, T]) -> T:
        """Await something, unless the device goes. Raises DeviceOffline."""
        task, gone = asyncio.create_task(work), asyncio.create_task(self._gone.wait())
        try:
            await asyncio.wait({task, gone}, return_when=asyncio.FIRST_COMPLETED)
            if not task.done():
                raise DeviceOffline("the device went offline meanwhile")
            return task.result()
        finally:
            for each in (task, gone):
                each.cancel()
            await asyncio.gather(task, gone, return_exceptions=True)

    @staticmethod
    def _now() -> float:
        return asyncio.get_running_loop().time()
