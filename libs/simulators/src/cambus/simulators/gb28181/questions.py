"""What a device answers to questions (§4.3): one body, or the parts of a list."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from random import Random
from typing import Any, Final, TypeVar

from cambus.gb28181.manscdp import catalog as catalogs
from cambus.gb28181.manscdp import config as configs
from cambus.gb28181.manscdp.envelope import Envelope, compose
from cambus.gb28181.manscdp.presence import AlarmDuty, DeviceInfo, DeviceStatus
from cambus.gb28181.manscdp.ptz_state import (
    Cruise,
    CruiseAnswer,
    CruiseList,
    CruisePoint,
    CruiseQuery,
    HomePositionAnswer,
    Preset,
    PresetList,
    PtzPosition,
)
from cambus.gb28181.manscdp.records import RecordPart, RecordQuery
from cambus.gb28181.manscdp.storage import CardList
from cambus.gb28181.values import write_time
from cambus.gb28181.xml import Element
from cambus.simulators.gb28181.device import SimulatedDevice
from cambus.simulators.gb28181.head import Head
from cambus.simulators.gb28181.quirks import Quirks

_TOO_MANY: Final = 10
_BYTES_PER_S: Final = 128_000
T = TypeVar("T")


@dataclass
class Questions:
    """Answers the questions to one device.

    Args:
        device: what it is made of.
        quirks: what is wrong with the answers.
        random: what is left to chance.
        next_sn: numbers of its own.
    """

    device: SimulatedDevice
    quirks: Quirks
    random: Random
    next_sn: Callable[[], int]

    @property
    def _charset(self) -> str:
        return self.device.profile.charset

    def answer(self, envelope: Envelope) -> list[bytes] | None:
        """The answers to a question, in the order they leave; None to one it does not know."""
        handler = _HANDLERS.get(envelope.command.lower())
        return handler(self, envelope) if handler is not None else None

    def sn(self, envelope: Envelope) -> int:
        """The number an answer has."""
        return self.next_sn() if self.quirks.sn == "own" else envelope.sn or 0

    def _one(self, envelope: Envelope, body: Any) -> list[bytes]:
        return [body.serialize(self.sn(envelope), envelope.code, charset=self._charset)]

    # --- the device -------------------------------------------------------------------------------------

    def info(self, envelope: Envelope) -> list[bytes]:
        """What it is."""
        device, profile = self.device, self.device.profile
        dahua = profile.name == "dahua_ipc"
        found = DeviceInfo(
            name=profile.model,
            ok=True,
            device_type="SD" if dahua else None,
            manufacturer=profile.manufacturer,
            model=profile.model,
            firmware=device.firmware,
            channels=len(device.cameras),
            alarms=1 if dahua else None,
        )
        if not dahua:
            return self._one(envelope, found)
        secret = [Element("Port", "80"), Element("LoginName", "admin"), Element("Password", "******")]
        content = [*found.elements(), *secret]
        root, command = DeviceInfo.ROOT, DeviceInfo.COMMAND
        return [compose(root, command, self.sn(envelope), envelope.code, content, charset=self._charset)]

    def status(self, envelope: Envelope) -> list[bytes]:
        """How it is."""
        device = self.device
        camera = device.camera(envelope.code)
        duty = "ALARM" if device.alarmed else "ONDUTY" if device.guarded else "OFFDUTY"
        found = DeviceStatus(
            ok=True,
            online="ONLINE" if camera.on else "OFFLINE",
            status="OK",
            encoding=True,
            recording=camera.recording,
            device_time=write_time(datetime.now(UTC)),
            alarms=(AlarmDuty(device.alarm_input, duty),),
        )
        return self._one(envelope, found)

    def cards(self, envelope: Envelope) -> list[bytes]:
        """Its memory cards."""
        cards = tuple(self.device.cards)
        return self._one(envelope, CardList(len(cards), cards))

    # --- lists ------------------------------------------------------------------------------------------

    def catalog(self, envelope: Envelope) -> list[bytes]:
        """What there is behind it; of one node where that is asked for."""
        items = self.device.catalog()
        if envelope.code != self.device.code:
            items = [each for each in items if each.code == envelope.code]

        def build(sn: int, announced: int, part: Sequence[catalogs.CatalogItem]) -> bytes:
            return catalogs.response(sn, envelope.code, announced, list(part), charset=self._charset)

        return self._parts(envelope, items, self.device.profile.catalog_part, build)

    def records(self, envelope: Envelope) -> list[bytes]:
        """What is recorded."""
        camera = self.device.camera(envelope.code)
        query = RecordQuery.parse(envelope)
        found, located = (
            camera.archive.find(query) if self.device.profile.records else [],
            query.indistinct == 1,
        )
        items = [
            each.item(envelope.code, camera.name, (each.end - each.start) * _BYTES_PER_S, located=located)
            for each in found
        ]

        def build(sn: int, announced: int, part: Sequence[Any]) -> bytes:
            body = RecordPart(camera.name, announced, tuple(part))
            return body.serialize(sn, envelope.code, charset=self._charset)

        return self._parts(envelope, items, self.device.profile.record_part, build)

    def _parts(
        self,
        envelope: Envelope,
        items: Sequence[T],
        usual: int,
        build: Callable[[int, int, Sequence[T]], bytes],
    ) -> list[bytes]:
        """A list in parts, with what the quirks do to them."""
        quirks, size, sn = self.quirks, self.quirks.part_items or usual, self.sn(envelope)
        groups = [items[at : at + size] for at in range(0, len(items), size)] or [items]
        parts = []
        for number, group in enumerate(groups, 1):
            announced = len(items)
            if quirks.sum_num == "too_high":
                announced += _TOO_MANY
            elif quirks.sum_num == "per_message":
                announced = len(group)
            if number not in quirks.lose_parts:
                parts.append(build(sn, announced, group))
        if quirks.shuffle_parts and parts:
            self.random.shuffle(parts)
            parts.append(parts[0])
        return parts

    # --- heads ------------------------------------------------------------------------------------------

    def _head(self, envelope: Envelope) -> Head:
        return self.device.camera(envelope.code).head

    def presets(self, envelope: Envelope) -> list[bytes]:
        """The presets of a head; how many there are is said since 2022."""
        known = self._head(envelope).presets
        presets = tuple(Preset(str(number), name) for number, (_, name) in sorted(known.items()))
        announced = len(presets) if self.device.profile.version is not None else None
        return self._one(envelope, PresetList(announced, presets))

    def home(self, envelope: Envelope) -> list[bytes]:
        """The home position."""
        return self._one(envelope, HomePositionAnswer(self._head(envelope).home))

    def cruises(self, envelope: Envelope) -> list[bytes]:
        """The cruises."""
        known = self._head(envelope).cruises
        cruises = tuple(Cruise(number, cruise.name or f"Cruise {number}") for number, cruise in known.items())
        return self._one(envelope, CruiseList(len(cruises), cruises))

    def cruise(self, envelope: Envelope) -> list[bytes]:
        """One cruise."""
        number = CruiseQuery.parse(envelope).number or 0
        cruise = self._head(envelope).cruises.get(number)
        if cruise is None:
            return self._one(envelope, CruiseAnswer(number, None, 0))
        speed = max(1, min(cruise.speed, 15))
        points = tuple(CruisePoint(preset, cruise.stay_s, speed) for preset in cruise.points)
        return self._one(envelope, CruiseAnswer(number, cruise.name, len(points), points))

    def position(self, envelope: Envelope) -> list[bytes]:
        """Where a head points."""
        return self._one(envelope, ptz_position(self._head(envelope)))

    # --- settings ---------------------------------------------------------------------------------------

    def settings(self, envelope: Envelope) -> list[bytes]:
        """Blocks of settings, a message for each."""
        query = configs.ConfigQuery.parse(envelope)
        known, sn = self.device.settings_of(envelope.code), self.sn(envelope)
        bodies = []
        for asked in (query.types or "").split("/"):
            name = configs.block_name(asked.strip())
            if name in self.quirks.config_missing:
                continue
            block = setting_element(self._written(name), known[name]) if name in known else None
            bodies.append(
                configs.answer(sn, envelope.code, block, ok=block is not None, charset=self._charset)
            )
        return bodies

    def _written(self, name: str) -> str:
        if self.quirks.config_misnamed:
            return f"Own{name}"
        return "SnapShot" if name == "SnapShotConfig" else name  # the standard's own two names for it


def setting_element(name: str, value: Any) -> Element:
    """A block of settings."""
    return configs.element_of(name, value) if isinstance(value, dict) else Element(name, str(value))


def ptz_position(head: Head) -> PtzPosition:
    """Where a head points, as it is said."""
    at = head.position
    return PtzPosition(
        pan=round(at.pan, 2),
        tilt=round(at.tilt, 2),
        zoom=round(at.zoom, 2),
        horizontal_angle=60.0,
        vertical_angle=34.0,
        view_m=200.0,
    )


_HANDLERS: Final[dict[str, Callable[[Questions, Envelope], list[bytes]]]] = {
    "deviceinfo": Questions.info,
    "devicestatus": Questions.status,
    "catalog": Questions.catalog,
    "recordinfo": Questions.records,
    "presetquery": Questions.presets,
    "configdownload": Questions.settings,
    "homepositionquery": Questions.home,
    "cruisetracklistquery": Questions.cruises,
    "cruisetrackquery": Questions.cruise,
    "ptzposition": Questions.position,
    "sdcardstatus": Questions.cards,
}
