"""Whoever dies, and whenever: no device is made to write an image twice, and what is told of it in the end is true.

The manager's own code runs against a model of a connector and of a device. Each time it writes something down or
asks a connector it may die, just before or just after that took effect; connectors die between their steps; events
come late, twice, or long after; another manager works on what it knew a while ago.
"""

import contextlib
import random
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from cambus.bus.firmware import StoredImage
from cambus.schemas.commands import upgrade
from cambus.schemas.errors import Conflict, DeadlineExceeded, Offline
from cambus.schemas.events.upgrade import UpgradeFinished, UpgradeProgressed
from cambus.schemas.ids import new_ulid
from cambus.schemas.model import Done
from cambus.schemas.state.firmware import FirmwareImage
from cambus.schemas.state.presence import Presence
from cambus.schemas.state.upgrades import FirmwareRef, UpgradeAttempt, UpgradeCampaign
from cambus.schemas.upgrades import UpgradeState
from cambus.upgrade_manager.device import DeviceUpgrades
from cambus.upgrade_manager.settings import UpgradeManagerSettings
from cambus.upgrade_manager.sightings import Sighting
from cambus.upgrade_manager.verdict import Wanted, learned

OLD, NEW, DEVICE = "V1.0", "V2.0", "cam-1"
LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)
SETTINGS = UpgradeManagerSettings(
    look_interval_s=0.001, silence_s=1e-6, settle_s=1e-6, device_deadline_s=86400
)
ENOUGH = 60
"""Rounds after which everything that can happen without further crashes has happened."""


def run(work: Coroutine[Any, Any, Any]) -> None:
    """Run what never has to wait: everything around the manager's code answers at once."""
    with contextlib.suppress(StopIteration):
        work.send(None)
        raise AssertionError("it waits for something")


WALKS, STEPS = 400, 25


class Died(BaseException):
    """The manager is no more: nothing of it may catch this."""


@dataclass
class Deaths:
    """When the manager dies: at the so-manieth thing it does, before or after that took effect."""

    at: int | None = None
    after: bool = False

    async def around(self, effect: Callable[[], Any]) -> Any:
        if self.at is not None:
            self.at -= 1
        dies = self.at is not None and self.at < 0
        if dies and not self.after:
            raise Died
        result = effect()
        if dies:
            raise Died
        return result


class Book:
    """What is written of the device: durable, changed all at once."""

    def __init__(self) -> None:
        self.value = UpgradeAttempt(campaign="c" * 26, device=DEVICE)
        self.versions = [self.value]
        self.deaths = Deaths()

    async def change(self, _: str, change: Callable[[UpgradeAttempt], UpgradeAttempt]) -> bool:
        def effect() -> bool:
            changed = change(self.value)
            if changed == self.value:
                return False
            self.value = changed
            self.versions.append(changed)
            return True

        return bool(await self.deaths.around(effect))

    async def claim(self, _: str) -> str | None:
        return None

    async def goes_on(self) -> bool:
        return True


@dataclass
class Connector:
    """A connector and its device. `journal` and `outbox` survive it, and so does what the device is at.

    One that `forgets` has no journal: then all depends on what the manager has written down.
    """

    journal: str | None = None
    outbox: list[UpgradeProgressed | UpgradeFinished] = field(default_factory=list)
    session: int = 1
    version: str = OLD
    works: bool = True
    forgets: bool = False
    flashes: int = 0
    writing: bool = False
    job: str | None = None
    state: UpgradeState | None = None
    deaths: Deaths = field(default_factory=Deaths)

    # --- as the manager sees it

    async def call(self, spec: Any, request: Any, *, device: str, timeout_s: float | None = None) -> Any:
        assert device == DEVICE
        if spec is upgrade.INFO:
            return upgrade.UpgradeInfoReply(software_version=self.version, job=self.job, state=self.state)
        if spec is upgrade.CANCEL:
            return Done()
        return await self.deaths.around(lambda: self._start(request))

    def _start(self, request: upgrade.UpgradeStartRequest) -> upgrade.UpgradeStartReply:
        if self.job != request.job:
            if self.state is not None and not self.state.final:
                raise Conflict("another one is under way")
            if self.journal == request.job:
                raise Conflict("begun before", reason="job-already-begun", retryable=False)
            self.job, self.state = request.job, UpgradeState.PREPARING
        return upgrade.UpgradeStartReply(job=request.job, state=self.state or UpgradeState.PREPARING)

    def of(self, _: str) -> Sighting:
        presence = Presence(device=DEVICE, online=True, since=LONG_AGO, software_version=self.version)
        return Sighting(self.version, LONG_AGO, f"session-{self.session}", presence)

    # --- as it goes on

    @property
    def busy(self) -> bool:
        return self.state is not None and not self.state.final

    def step(self) -> None:
        """Go on by one step; what cannot be taken back is in the journal before."""
        match self.state:
            case UpgradeState.PREPARING:
                self.journal = None if self.forgets else self.job
                self._tell(UpgradeState.TRANSFERRING)
            case UpgradeState.TRANSFERRING:
                self.flashes += 1  # the end packet
                self.writing = True
                self._tell(UpgradeState.FLASHING)
            case UpgradeState.FLASHING:
                self.restart()
                self._tell(UpgradeState.VERIFYING)
            case UpgradeState.VERIFYING:
                ok = self.version == NEW
                self._finish("succeeded" if ok else "unchanged", version_after=self.version, image_sent=True)
            case _:
                self.restart()

    def lose(self) -> None:
        """The line breaks, and the connector sees that; in the middle of writing the device does not get over it."""
        sent = self.state is UpgradeState.FLASHING
        self.works = self.works and not sent
        self.restart()
        self._finish("failed", reason="connection-lost", image_sent=sent)

    def restart(self) -> None:
        """The device comes back with what it has written."""
        if self.writing:
            self.version, self.writing = NEW if self.works else OLD, False

    def die(self) -> None:
        """The process ends without a word; the device ends what it was writing."""
        self.restart()
        self.job, self.state = None, None
        self.session += 1

    def _tell(self, state: UpgradeState) -> None:
        self.state = state
        self.outbox.append(
            UpgradeProgressed(id=new_ulid(), device=DEVICE, at=LONG_AGO, job=self.job or "", state=state)
        )

    def _finish(self, state: str, **fields: Any) -> None:
        self.state = UpgradeState(state)
        facts = {"version_before": OLD, **fields}
        self.outbox.append(
            UpgradeFinished(
                id=new_ulid(), device=DEVICE, at=LONG_AGO, job=self.job or "", state=self.state, **facts
            )
        )


class Nothing:
    """A roster without entries, and the image as it was ordered."""

    def of(self, _: str) -> None:
        return None

    async def check(self, firmware: FirmwareRef) -> StoredImage:
        return StoredImage(firmware.object, 9, firmware.sha256 or "", LONG_AGO, FirmwareImage())


class Upgrade:
    """One device of a campaign, with everything that may go wrong around it."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self.book = Book()
        self.connector = Connector(forgets=chance.random() < 0.5)
        self.campaign = UpgradeCampaign(
            id="c" * 26,
            firmware=FirmwareRef(object="i.bin", sha256="0" * 64, size_bytes=9, version=NEW),
            devices=[DEVICE],
            created_at=LONG_AGO,
            retries=2,
        )
        self.told: list[UpgradeProgressed | UpgradeFinished] = []
        self.happened: list[str] = []

    def walk(self, steps: int) -> None:
        """Let things happen, any that can, and then come to an end."""
        for _ in range(steps):
            can = [what for what, applies in self.rules() if applies]
            what = self.chance.choice(can)
            self.happened.append(what.__name__)
            what()
            self.never_twice()
        self.end()

    def rules(self) -> list[tuple[Callable[[], None], bool]]:
        """What may happen, and whether it can now."""
        connector, attempt = self.connector, self.book.value
        is_open = not attempt.state.final
        breakable = connector.state in {UpgradeState.TRANSFERRING, UpgradeState.FLASHING}
        return [
            (self.a_manager_looks, is_open),
            (self.a_manager_dies, is_open),
            (self.another_manager_acts_on_what_it_knew, True),
            (self.an_order_gets_lost_on_its_way, attempt.state is UpgradeState.QUEUED),
            (self.the_connector_goes_on, connector.busy),
            (self.the_line_breaks, breakable),
            (self.the_connector_dies, connector.state is not None),
            (self.an_event_comes, bool(connector.outbox)),
            (self.an_event_comes_again, bool(self.told)),
        ]

    def manage(self, deaths: Deaths, known: UpgradeAttempt | None = None) -> None:
        """A manager does what it would do now, by what it knows of the device."""
        self.book.deaths = self.connector.deaths = deaths
        upgrades = DeviceUpgrades(
            self.campaign,
            self.book,  # type: ignore[arg-type]  # as far as it is used
            self.connector,  # type: ignore[arg-type]
            Nothing(),  # type: ignore[arg-type]
            Nothing(),  # type: ignore[arg-type]
            self.connector,  # type: ignore[arg-type]
            SETTINGS,
            lambda: True,
        )
        attempt = known or self.book.value
        now = datetime.now(UTC) + timedelta(hours=1)

        async def work() -> None:
            if attempt.state is UpgradeState.QUEUED:
                if upgrades.can_begin(attempt, now):
                    await upgrades.begin(DEVICE, None)
            elif not attempt.state.final:
                await upgrades.attend(attempt)

        try:
            run(work())
        except Died:
            pass
        finally:
            self.book.deaths = self.connector.deaths = Deaths()
        self.never_twice()

    def never_twice(self) -> None:
        assert self.connector.flashes <= 1, "the device was made to write twice"

    # --- what happens -----------------------------------------------------------------------------------

    def a_manager_looks(self) -> None:
        self.manage(Deaths())

    def a_manager_dies(self) -> None:
        self.manage(Deaths(self.chance.randrange(4), after=self.chance.random() < 0.5))

    def another_manager_acts_on_what_it_knew(self) -> None:
        self.manage(Deaths(), self.chance.choice(self.book.versions[-5:]))

    def an_order_gets_lost_on_its_way(self) -> None:
        start = self.connector._start

        def lose(_: Any) -> Any:
            raise self.chance.choice([DeadlineExceeded("no answer"), Offline("cut off", retryable=False)])

        self.connector._start = lose  # type: ignore[method-assign]
        try:
            self.manage(Deaths())
        finally:
            self.connector._start = start  # type: ignore[method-assign]

    def the_connector_goes_on(self) -> None:
        self.connector.works = self.chance.random() < 0.7
        self.connector.step()

    def the_line_breaks(self) -> None:
        self.connector.lose()

    def the_connector_dies(self) -> None:
        self.connector.die()

    def an_event_comes(self) -> None:
        self.told.append(self.connector.outbox.pop(0))
        self.learn(self.told[-1])

    def an_event_comes_again(self) -> None:
        self.learn(self.chance.choice(self.told))

    def learn(self, event: UpgradeProgressed | UpgradeFinished) -> None:
        wanted = Wanted.of(self.campaign, NEW)
        now = datetime.now(UTC)
        run(self.book.change(DEVICE, lambda attempt: learned(attempt, event, wanted, now)))

    # --- the end ----------------------------------------------------------------------------------------

    def end(self) -> None:
        """Nobody dies any more: it comes to an end, and what is told of that is so."""
        for _ in range(ENOUGH):
            if self.book.value.state.final and not self.connector.outbox:
                break
            self.manage(Deaths())
            self.connector.step()
            while self.connector.outbox:
                self.learn(self.connector.outbox.pop(0))
        attempt = self.book.value
        assert attempt.state.final, attempt
        assert (attempt.state is UpgradeState.SUCCEEDED) == (self.connector.version == NEW), attempt
        assert attempt.tries <= self.campaign.retries
        self.never_twice()


@pytest.mark.parametrize("part", range(4))
def test_no_crash_makes_a_device_write_twice_or_the_end_a_lie(part: int) -> None:
    for number in range(WALKS):
        upgrade_ = Upgrade(random.Random(part * WALKS + number))
        try:
            upgrade_.walk(STEPS)
        except AssertionError:
            print(f"walk {part * WALKS + number}: {', '.join(upgrade_.happened)}")  # shown on failure
            raise
