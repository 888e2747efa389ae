"""Which events are wanted on a command line."""

from collections.abc import Iterable

from cambus.cli.failures import UsageError
from cambus.client import wanted


def wanted_subjects(devices: Iterable[str], types: Iterable[str]) -> list[str]:
    """Return the subjects of the events of some devices (none: all) and of some types (none: all).

    Raises:
        UsageError: there is no such event, or a device id that is none.
    """
    try:
        return wanted.wanted_subjects(devices, types)
    except ValueError as error:
        raise UsageError(str(error)) from None
