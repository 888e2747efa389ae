"""The states of a firmware upgrade, the same for every protocol."""

from cambus.schemas.model import Vocabulary


class UpgradeState(Vocabulary):
    """Where the upgrade of one device is.

    queued -> preparing -> transferring -> flashing -> rebooting -> verifying, then one of the final states.
    Up to `transferring` it may be cancelled and tried again; from the last byte on nothing is ever sent a
    second time, and only the version the device comes back with decides.
    """

    QUEUED = "queued"
    PREPARING = "preparing"
    TRANSFERRING = "transferring"
    FLASHING = "flashing"
    REBOOTING = "rebooting"
    VERIFYING = "verifying"
    SUCCEEDED = "succeeded"
    UNCHANGED = "unchanged"
    SKIPPED = "skipped"
    FAILED = "failed"
    CANCELLED = "cancelled"
    NOT_BACK = "not-back"
    UNKNOWN = "unknown"

    @property
    def final(self) -> bool:
        """Whether nothing follows."""
        return self in _FINAL


_FINAL = frozenset(
    {
        UpgradeState.SUCCEEDED,
        UpgradeState.UNCHANGED,
        UpgradeState.SKIPPED,
        UpgradeState.FAILED,
        UpgradeState.CANCELLED,
        UpgradeState.NOT_BACK,
        UpgradeState.UNKNOWN,
    }
)
