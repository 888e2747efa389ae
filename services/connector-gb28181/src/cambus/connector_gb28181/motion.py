"""What is sent to the heads of one device: in the dialect its options say, and never without an end (GB-088)."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, Literal

from cambus.connector.dead_man import Act, DeadMan
from cambus.gb28181 import ptz
from cambus.gb28181.errors import GbError
from cambus.gb28181.manscdp.control import ControlInfo, DeviceControl, PtzParameters
from cambus.gb28181.ptz import PtzCommand
from cambus.schemas.errors import Overloaded

if TYPE_CHECKING:
    from cambus.connector_gb28181.session import GbSession

Part = Literal["head", "lens"]
MAX_UNDER_WAY: Final = 32
"""So many commands to the cameras of one device may be under way; more are refused, or one that is deaf would take the
place of the others."""
HEAD: Final[Part] = "head"
LENS: Final[Part] = "lens"


class Motions:
    """The heads and lenses of one device.

    A command to a head says all that it does from then on, so a new one takes the place of the one before; so it is
    with lenses.

    Args:
        session: of the device.
    """

    def __init__(self, session: "GbSession") -> None:
        self._session = session
        self._running: DeadMan[tuple[str, Part]] = DeadMan(session.device.id, GbError)
        self._under_way = 0

    @property
    def running(self) -> frozenset[tuple[str, Part]]:
        """What moves, by code."""
        return self._running.moving

    @contextmanager
    def turn(self) -> Iterator[None]:
        """A command to a camera is under way for the length of a block. Raises Overloaded."""
        if self._under_way >= MAX_UNDER_WAY:
            raise Overloaded("too many commands wait for the cameras of the device")
        self._under_way += 1
        try:
            yield
        finally:
            self._under_way -= 1

    async def move(self, code: str, part: Part, command: PtzCommand, duration_s: float) -> None:
        """Move a head or a lens from now on, for so many seconds at most. Raises GbError."""

        async def start() -> None:
            await self.send(code, command)

        await self._running.move((code, part), start, self._stopper(code, part), duration_s)

    async def stop(self, code: str, part: Part) -> None:
        """Stop a head, whoever moves it, and a cruise or scan of it; or a lens. Raises GbError."""
        await self._running.stop((code, part), self._stopper(code, part))

    async def stop_all(self, code: str) -> None:
        """Stop whatever moves on a channel. Raises GbError."""
        await self.stop(code, HEAD)
        if (code, LENS) in self._running.moving:
            await self.stop(code, LENS)

    async def place(self, code: str, command: PtzCommand) -> None:
        """Have a head go somewhere by itself: what moved it before does not any more. Raises GbError."""
        await self.send(code, command)
        self._running.forget((code, HEAD))

    def placed(self, code: str) -> None:
        """A head went somewhere by another command."""
        self._running.forget((code, HEAD))

    async def send(self, code: str, command: PtzCommand, names: PtzParameters | None = None) -> None:
        """Send eight bytes; devices answer nothing to them (GB-087). Raises GbError."""
        priority = self._session.device.options.control_priority
        control = DeviceControl(
            ptz=command.hex(),
            ptz_parameters=names,
            info=None if priority is None else ControlInfo(priority=priority),
        )
        await self._session.remote.control(control, code)

    async def close(self) -> None:
        """Stop everything that moves; never raises."""
        await self._running.close()

    def _stopper(self, code: str, part: Part) -> Act:
        options = self._session.device.options
        command = ptz.STOP if part == HEAD else ptz.lens_stop(with_ptz_stop=options.fi_stop_with_ptz_stop)

        async def stop() -> None:
            await self.send(code, command)

        return stop
