"""What a device does when it is told to (§4.3 control, §5, §10), and what it says about it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final, Protocol

from cambus.gb28181.errors import ProtocolError
from cambus.gb28181.manscdp import config as configs
from cambus.gb28181.manscdp.config import ConfigResult, SnapshotConfig
from cambus.gb28181.manscdp.control import Area, ControlResult, DeviceControl, UpgradeOrder
from cambus.gb28181.manscdp.envelope import Envelope
from cambus.gb28181.ptz import PtzCommand
from cambus.gb28181.values import read_int
from cambus.gb28181.xml import Element
from cambus.simulators.gb28181.device import SimulatedDevice
from cambus.simulators.gb28181.quirks import Quirks

_READ_ONLY: Final = frozenset({"VideoParamOpt"})
_HEADER: Final = frozenset({"cmdtype", "sn", "deviceid"})


class Acts(Protocol):
    """What takes longer than an answer may."""

    def reboot(self) -> None:
        """Restart."""

    def upgrade(self, order: UpgradeOrder) -> None:
        """Fetch firmware and run it."""

    def take_pictures(self, code: str, order: SnapshotConfig) -> None:
        """Take and upload pictures."""

    def format_card(self, number: int) -> None:
        """Format a card, or with 0 all of them."""

    def beat(self, seconds: int) -> None:
        """Say that it is there this often."""


@dataclass
class Orders:
    """Carries out what one device is told.

    Args:
        device: what it is made of.
        quirks: what goes wrong.
        acts: what takes longer.
        sn: the number of the answer to a body.
    """

    device: SimulatedDevice
    quirks: Quirks
    acts: Acts
    sn: Callable[[Envelope], int]

    def carry_out(self, envelope: Envelope) -> list[bytes]:
        """Do what a body says; its result, for those commands that have one."""
        if envelope.command.lower() == "deviceconfig":
            return [self._configure(envelope)]
        control = DeviceControl.parse(envelope)
        ok = self.quirks.result == "ok"
        if ok:
            ok = self._do(control, envelope.code)
        if not control.is_answered:
            return []
        return [self._said(ControlResult(ok), envelope)]

    def _said(self, result: ControlResult | ConfigResult, envelope: Envelope) -> bytes:
        return result.serialize(self.sn(envelope), envelope.code, charset=self.device.profile.charset)

    def _do(self, control: DeviceControl, code: str) -> bool:
        """Whether it could be done."""
        handler = _DOES.get(control.command or "")
        if handler is None:
            return False
        handler(self, control, code)
        return True

    # --- one by one -------------------------------------------------------------------------------------

    def move(self, control: DeviceControl, code: str) -> None:
        """Turn the head; eight bytes with a wrong sum move nothing."""
        head = self.device.camera(code).head
        names = control.ptz_parameters
        try:
            command = PtzCommand.parse(control.ptz or "")
        except ProtocolError:
            head.refused += 1
            return
        head.take(
            command,
            preset_name=(names.preset_name or "") if names is not None else "",
            cruise_name=(names.cruise_name or "") if names is not None else "",
        )

    def record(self, control: DeviceControl, code: str) -> None:
        """Begin or end to record."""
        self.device.camera(code).recording = control.record == "Record"

    def guard(self, control: DeviceControl, _code: str) -> None:
        """Tell alarms, or not."""
        self.device.guarded = control.guard == "SetGuard"

    def reset_alarm(self, _control: DeviceControl, _code: str) -> None:
        """The alarm was seen."""
        self.device.alarmed = False

    def key_frame(self, _control: DeviceControl, _code: str) -> None:
        """A key frame is wanted."""
        self.device.keyframes += 1

    def zoom_area(self, control: DeviceControl, code: str) -> None:
        """Zoom to or from a rectangle."""
        area: Area = control.drag_in or control.drag_out or Area()
        self.device.areas.append((code, {each.name: each.text for each in area.elements()}))
        head = self.device.camera(code).head
        zoom = head.position.zoom
        head.go(zoom=zoom * 2 if control.drag_in is not None else zoom / 2)

    def home(self, control: DeviceControl, code: str) -> None:
        """Where to go back to."""
        head = self.device.camera(code).head
        wanted = control.home
        if wanted is not None:
            head.home = replace(
                head.home,
                enabled=wanted.enabled,
                reset_s=wanted.reset_s if wanted.reset_s is not None else head.home.reset_s,
                preset=wanted.preset if wanted.preset is not None else head.home.preset,
            )

    def point(self, control: DeviceControl, code: str) -> None:
        """Point exactly somewhere."""
        wanted = control.precise
        if wanted is not None:
            self.device.camera(code).head.go(pan=wanted.pan, tilt=wanted.tilt, zoom=wanted.zoom)

    def track(self, control: DeviceControl, code: str) -> None:
        """Follow something."""
        self.device.camera(code).head.tracking = control.track or ""

    def boot(self, _control: DeviceControl, _code: str) -> None:
        """Restart."""
        self.acts.reboot()

    def upgrade(self, control: DeviceControl, _code: str) -> None:
        """New firmware."""
        if control.upgrade is not None:
            self.acts.upgrade(control.upgrade)

    def format_card(self, control: DeviceControl, _code: str) -> None:
        """Empty a card."""
        self.acts.format_card(control.format_card or 0)

    # --- settings ---------------------------------------------------------------------------------------

    def _configure(self, envelope: Envelope) -> bytes:
        block = next((each for each in envelope.element.children if each.name.lower() not in _HEADER), None)
        ok = block is not None and self.quirks.result == "ok"
        if block is not None and ok:
            ok = self._set(envelope.code, configs.block_name(block.name), block)
        return self._said(ConfigResult(ok), envelope)

    def _set(self, code: str, name: str, block: Element) -> bool:
        settings = self.device.settings_of(code)
        if name not in settings or name in _READ_ONLY:
            return False
        if name == "SnapShotConfig":
            self.acts.take_pictures(code, SnapshotConfig.read(block))
        value: Any = configs.plain(block) if block.children else block.text
        known = settings[name]
        settings[name] = {**known, **value} if isinstance(known, dict) and isinstance(value, dict) else value
        beat = read_int(block.get("HeartBeatInterval")) if name == "BasicParam" else None
        if beat is not None and beat > 0:
            self.acts.beat(beat)
        return True


_DOES: Final[dict[str, Callable[[Orders, DeviceControl, str], None]]] = {
    "ptz": Orders.move,
    "boot": Orders.boot,
    "record": Orders.record,
    "guard": Orders.guard,
    "alarm": Orders.reset_alarm,
    "iframe": Orders.key_frame,
    "iframe_2016": Orders.key_frame,
    "drag_in": Orders.zoom_area,
    "drag_out": Orders.zoom_area,
    "home": Orders.home,
    "precise": Orders.point,
    "upgrade": Orders.upgrade,
    "format_card": Orders.format_card,
    "track": Orders.track,
}
