"""The dialog of a session as it is kept beyond this process, and ended by the next one (§8.3, GB-153)."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Self

from cambus.gb28181.platform import Gb28181Platform
from cambus.sip.dialog import Dialog
from cambus.sip.errors import SipError
from cambus.sip.peer import Peer

logger = logging.getLogger(__name__)

BYE_TIMEOUT_S: Final = 4.0
MAX_ORPHANS: Final = 100_000
_LATER: Final = 100
"""By how much numbers jump: commands may have been sent since the dialog was kept (RFC 3261 §12.2.2 allows gaps)."""
_TEXTS: Final = ("call_id", "local", "remote", "local_tag", "remote_tag", "target")


@dataclass(frozen=True, slots=True)
class OpenDialog:
    """What is needed to end a session.

    Attributes:
        device: code of the device.
        channel: code of what is watched.
        dialog: of the session.
    """

    device: str
    channel: str
    dialog: Dialog

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        dialog = self.dialog
        return {
            "device": self.device,
            "channel": self.channel,
            **{name: getattr(dialog, name) for name in _TEXTS},
            "sequence": dialog.local_seq,
            "peer": [dialog.peer.transport, dialog.peer.host, dialog.peer.port],
        }

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Self:
        """Read what `to_json` wrote. Raises ValueError for anything else."""
        try:
            texts = [values[name] for name in (*_TEXTS, "device", "channel")]
            transport, host, port = values["peer"]
            sequence = values["sequence"]
        except (KeyError, TypeError, ValueError):
            raise ValueError("no kept dialog") from None
        numbers = (port, sequence)
        if not all(isinstance(each, str) for each in (*texts, transport, host)):
            raise ValueError("no kept dialog")
        if not all(isinstance(each, int) for each in numbers):
            raise ValueError("no kept dialog")
        call_id, local, remote, local_tag, remote_tag, target, device, channel = texts
        peer = Peer(transport, host, port)
        dialog = Dialog(
            call_id, local, remote, local_tag, remote_tag, target, peer, local_seq=sequence + _LATER
        )
        return cls(device, channel, dialog)


class Orphans:
    """Dialogs of a process that is no more, until they have been ended.

    Args:
        platform: whose devices.
    """

    def __init__(self, platform: Gb28181Platform) -> None:
        self._platform = platform
        self._kept: dict[str, list[OpenDialog]] = {}

    def __len__(self) -> int:
        return sum(map(len, self._kept.values()))

    def adopt(self, values: Iterable[Mapping[str, Any]]) -> list[str]:
        """Take over what was kept; the devices it concerns. What cannot be read is passed over."""
        devices: dict[str, None] = {}
        for each in values:
            try:
                found = OpenDialog.of(each)
            except ValueError:
                logger.warning("a kept dialog cannot be read")
                continue
            if len(self) < MAX_ORPHANS:
                self._kept.setdefault(found.device, []).append(found)
                devices[found.device] = None
        return list(devices)

    def to_json(self) -> list[dict[str, Any]]:
        """What is still to be ended."""
        return [each.to_json() for kept in self._kept.values() for each in kept]

    async def end(self, device: str) -> int:
        """End those of a device, if it is there; how many it has answered. Never raises."""
        registrar = self._platform.registrar
        binding = registrar.binding(device)
        if device not in self._kept or binding is None or not registrar.online(device):
            return 0
        dialogs = [orphan.dialog for orphan in self._kept.pop(device)]
        for dialog in dialogs:
            dialog.peer = binding.peer  # a connection of before is not there any more
        return sum(await asyncio.gather(*(say_bye(self._platform, device, each) for each in dialogs)))


async def say_bye(platform: Gb28181Platform, device: str, dialog: Dialog) -> bool:
    """End a dialog; whether the device has answered, with whatever. Never raises."""
    try:
        async with platform.device(device).room:
            await platform.endpoint.request(dialog.request("BYE"), dialog.peer, timeout_s=BYE_TIMEOUT_S)
    except SipError as error:
        logger.debug("a session was not closed by the device", extra={"reason": str(error)})
        return False
    return True
