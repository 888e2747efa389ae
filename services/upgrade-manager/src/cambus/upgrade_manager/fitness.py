"""Whether an image is for a device: decided before anything is sent, by what both say of themselves; pure."""

from dataclasses import dataclass
from fnmatch import fnmatchcase

from cambus.schemas.state.firmware import FirmwareImage

NAMED = 3


@dataclass(frozen=True, slots=True)
class DeviceFacts:
    """What a device says of itself; empty where it said nothing."""

    protocol: str = ""
    vendor: str = ""
    model: str = ""
    version: str = ""
    hardware: str = ""


@dataclass(frozen=True, slots=True)
class Misfit:
    """Why an image is not for a device.

    Attributes:
        reason: a slug: `wrong-protocol`, `wrong-model`, `wrong-vendor`, `wrong-hardware`, `wrong-version`.
        text: a sentence.
    """

    reason: str
    text: str


def misfit(facts: DeviceFacts, image: FirmwareImage) -> Misfit | None:
    """Why the image is not for the device; None if it is.

    Where the image names what it is for, a device that says nothing of that is not fit: nobody could know. Hardware
    is the exception, as it is told by the device's connector alone, and by some connectors never: what is not told
    is not compared. Upper and lower case are the same: devices spell their models as they like.
    """
    for reason, what, said, wanted in (
        ("wrong-protocol", "protocol", facts.protocol, image.protocols),
        ("wrong-model", "model", facts.model, image.models),
        ("wrong-vendor", "vendor", facts.vendor, image.vendors),
        ("wrong-version", "version", facts.version, image.from_versions),
    ):
        if not _fits(said, wanted):
            return Misfit(reason, _sentence(what, said, wanted))
    if facts.hardware and not _fits(facts.hardware, image.hardware):
        return Misfit("wrong-hardware", _sentence("hardware", facts.hardware, image.hardware))
    return None


def _fits(said: str, wanted: list[str]) -> bool:
    return not wanted or any(fnmatchcase(said.casefold(), each.casefold()) for each in wanted)


def _sentence(what: str, said: str, wanted: list[str]) -> str:
    more = f" and {len(wanted) - NAMED} more" if len(wanted) > NAMED else ""
    return f"its {what} is {said or 'unknown'}, the image is for {', '.join(wanted[:NAMED])}{more}"
