"""One registered device, as those see it who want something from it (GB-060 to GB-132).

Everything here awaits the device; what it answers comes as bodies, what it refuses as errors.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager, nullcontext
from typing import Any, Final, Protocol, TypeVar

from cambus.gb28181.catalog_assembly import CatalogAssembly, CatalogResult, Outcome
from cambus.gb28181.errors import DeviceOffline, Refused, Unconfirmed, Unreachable, Unsupported
from cambus.gb28181.manscdp import catalog as catalogs
from cambus.gb28181.manscdp import config as configs
from cambus.gb28181.manscdp.config_ranges import check_block
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

MANY_ELEMENTS: Final = 500
"""Longer lists are read in a thread, so that keepalives are answered meanwhile."""

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

    def beats(self, interval_s: int | None, count: int | None) -> None:
        """The device has told, or been told, how often it says that it is there."""


class RemoteDevice:
    """A device that has registered.

    Args:
        code: its code.
        line: how messages get to it.
        times: how long things may take.

    Attributes:
        room: held by each of our requests to it, of whatever method, while it is open (§2.4, GB-025).
    """

    def __init__(self, code: str, line: Line, times: Times) -> None:
        self.code = code
        self._line = line
        self._times = times
        self._pending = Pending()
        self.room = asyncio.Semaphore(OPEN_REQUESTS)
        self._invitations = asyncio.Semaphore(OPEN_REQUESTS - 1)
        self._in_order: OrderedDict[str, asyncio.Lock] = OrderedDict()
        self._searching: OrderedDict[str, asyncio.Lock] = OrderedDict()
        self._gone = asyncio.Event()

    @property
    def version(self) -> Version:
        """The edition it speaks."""
        return self._line.version

    @property
    def charset(self) -> str:
        """What is written to it in."""
        return self._line.charset

    @property
    def stray(self) -> int:
        """How many answers of it nobody had waited for."""
        return self._pending.stray

    # --- for the platform -------------------------------------------------------------------------------

    def answered(self, envelope: Envelope) -> bool:
        """A Response came from the device; whether somebody waited for it."""
        return self._pending.answer(envelope)

    def next_sn(self) -> int:
        """A number for a body to this device that nothing else here has."""
        return self._pending.next_sn()

    def nobody_listens(self) -> None:
        """Whoever asked is gone; what the device still has to say to that is dropped."""
        self._pending.nobody_listens()

    @asynccontextmanager
    async def inviting(self) -> AsyncIterator[None]:
        """Room for an INVITE, which may be open for long: there is always some left for commands."""
        async with self._invitations, self.room:
            yield

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

    async def ask(self, query: Body, answer: type[BodyT], code: str, *, force: bool = False) -> BodyT:
        """Any question with one answer. Raises Unsupported for one of 2022 to an older device, unless forced."""
        if query.NEW_IN_2022:
            self._needs_2022(query.COMMAND, force=force)
        return await self._ask(query, answer, code)

    async def catalog(
        self,
        code: str | None = None,
        *,
        now: Callable[[], float],
        start: str | None = None,
        end: str | None = None,
        on_late: Callable[[CatalogResult], None] | None = None,
        retry: bool = True,
    ) -> CatalogResult:
        """What is behind it, as far as it tells; asked again twice if nothing comes at all.

        Args:
            code: a node to ask for: a system, region, group or organisation; by default the device.
            now: the clock of the assembly, the event loop's.
            start: only what was added since, in the device's time.
            end: only what was added until.
            on_late: called with the catalog anew when a part of it comes after the end.
            retry: whether to ask again; False for those who do so themselves.
        """
        ask = catalogs.CatalogQuery(start, end)
        result = await self._catalog_once(ask, code or self.code, now, on_late)
        for delay_s in self._times.catalog.retries_s if retry else ():
            if result.outcome is not Outcome.FAILED:
                break
            await self._until_gone(asyncio.sleep(delay_s))
            result = await self._catalog_once(ask, code or self.code, now, on_late)
        return result

    async def _catalog_once(
        self,
        ask: catalogs.CatalogQuery,
        code: str,
        now: Callable[[], float],
        on_late: Callable[[CatalogResult], None] | None,
    ) -> CatalogResult:
        sn, parts = self._pending.next_sn(), Parts()
        assembly = CatalogAssembly(now(), self._times.catalog)

        def late(envelope: Envelope) -> None:
            if not assembly.over(now()):
                more = assembly.add(catalogs.CatalogPart.parse(envelope), now())
                if more is not None and on_late is not None:
                    on_late(more)

        with self._pending.waiting(catalogs.COMMAND, sn, parts.put, late=late):
            await self._deliver(ask.serialize(sn, code, charset=self._line.charset))
            assembly.asked_at = now()
            while (result := assembly.due(now())) is None:
                part = await self._until_gone(parts.next(assembly.deadline))
                if part is not None:
                    assembly.add(await self._read(catalogs.CatalogPart.parse, part), now())
            return result

    @staticmethod
    async def _read(parse: Callable[[Envelope], T], part: Envelope) -> T:
        if part.element.longest_list > MANY_ELEMENTS:
            return await asyncio.to_thread(parse, part)
        return parse(part)

    async def records(
        self, query: RecordQuery, channel: str, *, now: Callable[[], float], force: bool = False
    ) -> RecordResult:
        """The recordings of a channel; one search of a channel at a time (GB-123).

        Raises:
            Unconfirmed: the device took the question, and nothing came.
            Unsupported: it asks for what only 2022 knows, and the device is older.
        """
        if query.needs_2022:
            self._needs_2022("a search by stream or alarm", force=force)
        async with _lock_of(self._searching, channel):
            sn, parts = self._pending.next_sn(), Parts()
            with self._pending.waiting(RecordQuery.COMMAND, sn, parts.put):
                await self._deliver(query.serialize(sn, channel, charset=self._line.charset))
                assembly = RecordAssembly(now(), self._times.records)
                while not assembly.complete and now() < assembly.deadline:
                    part = await self._until_gone(parts.next(assembly.deadline))
                    if part is not None:
                        assembly.add(await self._read(RecordPart.parse, part), now())
        result = assembly.result()
        if result is None:
            raise Unconfirmed("the device took the search and never answered it")
        return result

    async def config(
        self, types: Sequence[str], code: str | None = None, *, force: bool = False
    ) -> list[configs.ConfigAnswer]:
        """Blocks of its configuration: those that came, in the order they came, each once (GB-220).

        Raises:
            Unconfirmed: none came.
            Unsupported: one of 2022, and an older device.
        """
        for each in types:
            self._accepts_block(each, force=force)
        sn, parts, found = self._pending.next_sn(), Parts(), dict[str, configs.ConfigAnswer]()
        with self._pending.waiting("ConfigDownload", sn, parts.put):
            await self._deliver(configs.query(sn, code or self.code, types, charset=self._line.charset))
            until = self._now() + self._times.query_s
            while len(found) < len(types):
                part = await self._until_gone(parts.next(until))
                if part is None:
                    break
                answer = configs.ConfigAnswer.parse(part)
                found.setdefault(answer.block or f"{len(found)}", answer)
                until = self._now() + self._times.config_gap_s
        if not found:
            raise Unconfirmed("the device took the question about its configuration and never answered it")
        if code is None and (basic := found.get("BasicParam")) is not None:
            self._learn_heartbeat(basic.element)
        return list(found.values())

    async def configure(
        self, block: Element, code: str | None = None, *, checked: bool = True, force: bool = False
    ) -> None:
        """Set a block of its configuration.

        Args:
            block: the settings.
            code: the channel they are of; by default the device itself.
            checked: whether its values have to be within the ranges of the standard.
            force: also a block of 2022 to an older device.

        Raises:
            OutOfRange: a value no device takes; nothing was sent.
            Unsupported: a block of 2022, and an older device.
            Refused: the device said no.
            Unconfirmed: it took the block and did not tell the result.
        """
        if checked:
            check_block(block)
        self._accepts_block(block.name, force=force)
        sn = self._pending.next_sn()
        body = configs.order(sn, code or self.code, block, charset=self._line.charset)
        result = await self._result("DeviceConfig", sn, body, self._times.control_s)
        if result.result is False:
            raise Refused("the device does not take the configuration")
        if code is None and block.name == "BasicParam":
            self._learn_heartbeat(block)

    def _accepts_block(self, name: str, *, force: bool) -> None:
        if name in configs.NEW_IN_2022:
            self._needs_2022(name, force=force)

    def _needs_2022(self, what: str | None, *, force: bool) -> None:
        if not self.version.is_2022 and not force:
            raise Unsupported(f"{what} is of the edition of 2022; the device speaks {self.version.value}")

    def _learn_heartbeat(self, element: Element | None) -> None:
        basic = configs.BasicParam.read(element) if element is not None else configs.BasicParam()
        if basic.heartbeat_s is not None or basic.heartbeat_count is not None:
            self._line.beats(basic.heartbeat_s, basic.heartbeat_count)

    # --- control ----------------------------------------------------------------------------------------

    async def control(
        self, control: DeviceControl, channel: str, *, force: bool = False, timeout_s: float | None = None
    ) -> None:
        """Have it do something. Those of one channel are carried out in the order of the calls (GB-025).

        Args:
            control: what.
            channel: the code it concerns; the device's own for what concerns all of it.
            force: also what only a newer edition than the device's has.
            timeout_s: how long its result may take; by default as long as any.

        Raises:
            Unsupported: a command of 2022, and an older device.
            Refused: the device said no.
            Unconfirmed: it took the command and did not tell the result.
        """
        if needs_2022(control):
            self._needs_2022(control.command, force=force)
        sn, parts = self._pending.next_sn(), Parts()
        body = control.serialize(sn, channel, charset=self._line.charset)
        with (
            self._pending.waiting(ControlResult.COMMAND, sn, parts.put)
            if control.is_answered
            else nullcontext()
        ):
            async with _lock_of(
                self._in_order, channel
            ):  # not until the result: a stop must not wait for that
                await self._deliver(body)
            if control.is_answered:
                result = await self._part(ControlResult.COMMAND, parts, timeout_s or self._times.control_s)
                if result.result is False:
                    raise Refused("the device could not carry the command out")

    # --- messages ---------------------------------------------------------------------------------------

    async def notify(self, body: bytes) -> None:
        """Send a body that is answered by nothing but a 200."""
        await self._deliver(body)

    async def exchange(self, command: str, compose: Callable[[int], bytes], timeout_s: float) -> Envelope:
        """Send a body made with a fresh number, and return what comes under it."""
        sn = self._pending.next_sn()
        return await self._result(command, sn, compose(sn), timeout_s)

    async def answers(
        self,
        command: str,
        compose: Callable[[int], bytes],
        timeout_s: float,
        *,
        whole: Callable[[Sequence[Envelope]], bool],
    ) -> list[Envelope]:
        """Send a body made with a fresh number, and return all that comes under it until that is whole.

        Raises:
            Unconfirmed: nothing came in the time there was.
        """
        sn, parts, found = self._pending.next_sn(), Parts(), list[Envelope]()
        until = self._now() + timeout_s
        with self._pending.waiting(command, sn, parts.put):
            await self._deliver(compose(sn))
            while not (found and whole(found)):
                part = await self._until_gone(parts.next(until))
                if part is None:
                    break
                found.append(part)
        if not found:
            raise Unconfirmed(f"the device took {command} and never told the result")
        return found

    async def _ask(self, query: Body, answer: type[BodyT], code: str) -> BodyT:
        sn = self._pending.next_sn()
        body = query.serialize(sn, code, charset=self._line.charset)
        return answer.parse(await self._result(answer.COMMAND, sn, body, self._times.query_s))

    async def _result(self, command: str, sn: int, body: bytes, timeout_s: float) -> Envelope:
        parts = Parts()
        with self._pending.waiting(command, sn, parts.put):
            await self._deliver(body)
            return await self._part(command, parts, timeout_s)

    async def _part(self, command: str, parts: Parts, timeout_s: float) -> Envelope:
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
        async with self.room:
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


def _lock_of(locks: OrderedDict[str, asyncio.Lock], channel: str) -> asyncio.Lock:
    """The lock of a channel; of those nobody holds the ones that were not used longest are forgotten."""
    lock = locks.pop(channel, None) or asyncio.Lock()
    locks[channel] = lock
    if len(locks) > MAX_CHANNEL_LOCKS:
        free = next((each for each, other in locks.items() if not other.locked() and other is not lock), None)
        if free is not None:
            del locks[free]
    return lock
