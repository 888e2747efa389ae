"""Firmware upgrade (DVRIP §13): 1520-1527."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from cambus.dvrip.values import as_object

UPGRADE: Final = "OPSystemUpgrade"


class UpgradeResult(StrEnum):
    """How the device says an upgrade ended."""

    OK = "ok"
    FAILED = "failed"
    BAD_DATA = "bad_data"
    NOT_STARTED = "not_started"
    ALREADY_STARTED = "already_started"
    NO_PERMISSION = "no_permission"


#: Result codes; some client libraries have 514 and 515 the wrong way round.
RESULTS: Final[Mapping[int, UpgradeResult]] = {
    107: UpgradeResult.NO_PERMISSION,
    511: UpgradeResult.ALREADY_STARTED,
    512: UpgradeResult.NOT_STARTED,
    513: UpgradeResult.BAD_DATA,
    514: UpgradeResult.FAILED,
    515: UpgradeResult.OK,
}


@dataclass(frozen=True, slots=True)
class UpgradeInfo:
    """What firmware the device takes."""

    hardware: str
    vendor: str
    serial: str
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @classmethod
    def parse(cls, body: Mapping[str, Any]) -> "UpgradeInfo":
        """Read a 1526."""
        raw = as_object(body.get(UPGRADE))
        return cls(
            hardware=str(raw.get("Hardware", "")),
            vendor=str(raw.get("Vendor", "")),
            serial=str(raw.get("Serial", "")),
            raw=raw,
        )


def upgrade_body(action: str, kind: str = "System") -> dict[str, Any]:
    """The body of 1520: ``Start`` or ``Abort``."""
    return {"Name": UPGRADE, UPGRADE: {"Action": action, "Type": kind}}
