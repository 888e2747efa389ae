"""How far the upgrade of a device is, and what follows from what it does (§10, GB-227); pure.

    requested -> accepted -> fetching -> rebooting -> done | failed | timeout

A device may skip any of them: it may fetch before it accepts, be back before it was missed, tell its result before it
restarts, twice, or never. The version it has in the end decides, and where that tells nothing its word.
"""

from enum import Enum
from typing import Final

from cambus.connector.upgrades import UpgradeEnd
from cambus.schemas.upgrades import UpgradeState

_REASONS: Final = {
    "01": ("download-timeout", "the device could not fetch the image in time"),
    "02": ("bad-package", "the device says that the image is damaged, or not for it"),
    "03": ("system-error", "the device had a fault of its own"),
}
_OTHER: Final = ("device-failed", "the device could not install the image")
MAX_CODE: Final = 16


class Step(Enum):
    """Where an upgrade is, in the words of the protocol."""

    REQUESTED = "requested"
    ACCEPTED = "accepted"
    FETCHING = "fetching"
    REBOOTING = "rebooting"
    DONE = "done"
    FAILED = "failed"
    TIMEOUT = "timeout"


class UpgradeSteps:
    """One upgrade.

    Args:
        version_before: what the device ran, as it said.
        expected: what it is to run, None for any other.
        deadline: when it is given up; on any clock, as all times here.
        return_s: how long after it reported success the new version may take to show.
        step: where it is already.
        image_sent: the image went out already.

    Attributes:
        step: where it is.
        percent: how much of the image went out.
        image_sent: whether all of it did.
        end: how it ended, None as long as it did not.
    """

    def __init__(
        self,
        *,
        version_before: str,
        expected: str | None,
        deadline: float,
        return_s: float,
        step: Step = Step.REQUESTED,
        image_sent: bool = False,
    ) -> None:
        self.step = step
        self.percent = 0.0
        self.image_sent = image_sent
        self.end: UpgradeEnd | None = None
        self._before = version_before
        self._expected = expected
        self._deadline = deadline
        self._return_s = return_s
        self._version = ""
        self._told_version = ""
        self._confirmed_at: float | None = None
        self._restarted = False

    @property
    def state(self) -> UpgradeState:
        """The same in the words of every protocol."""
        if self.step is Step.REQUESTED:
            return UpgradeState.PREPARING
        if self.step is Step.REBOOTING:
            return UpgradeState.REBOOTING
        return UpgradeState.FLASHING if self.image_sent else UpgradeState.TRANSFERRING

    @property
    def due(self) -> float:
        """When `tick` is to be called at the latest."""
        if self._confirmed_at is None:
            return self._deadline
        return min(self._deadline, self._confirmed_at + self._return_s)

    # --- what happens -----------------------------------------------------------------------------------

    def accepted(self) -> None:
        """The device has said that it will."""
        if self.step is Step.REQUESTED:
            self.step = Step.ACCEPTED

    def sent(self, percent: float, *, whole: bool) -> None:
        """Some of the image went out."""
        if self.end is None:
            if self.step in (Step.REQUESTED, Step.ACCEPTED):
                self.step = Step.FETCHING
            self.percent = max(self.percent, percent)
            self.image_sent = self.image_sent or whole

    def away(self) -> None:
        """The device is offline, or does not answer."""
        if self.end is None and self.image_sent:
            self.step = Step.REBOOTING
            self._restarted = True

    def told(self, *, ok: bool, version: str, code: str, now: float) -> None:
        """The device has told how it went; it may tell again."""
        if self.end is not None:
            return
        if not ok:
            reason, text = _REASONS.get(code, _OTHER)
            self._over(Step.FAILED, UpgradeState.FAILED, reason, text, code=code[:MAX_CODE] or None)
        elif self._confirmed_at is None:
            self._confirmed_at, self._told_version = now, version

    def seen(self, version: str) -> None:
        """The device is there, and this is the version it runs, if it says."""
        self._version = version or self._version
        if self.end is not None:
            return
        if self._tells and self._is_as_ordered:
            text = "" if self._confirmed_at is not None else "by the version it runs"
            self._over(Step.DONE, UpgradeState.SUCCEEDED, "", text)
        elif self._confirmed_at is not None and self._restarted:
            self._by_its_word()

    def tick(self, now: float, *, online: bool) -> None:
        """Time passes."""
        if self.end is not None:
            return
        if self._confirmed_at is not None and online and now >= self._confirmed_at + self._return_s:
            self._by_its_word()
        elif now >= self._deadline:
            self._timed_out(online=online)

    def fail(self, reason: str, text: str, code: str | None = None) -> None:
        """It can not go on."""
        self._over(Step.FAILED, UpgradeState.FAILED, reason, text, code=code)

    def skip(self) -> None:
        """It runs that version already."""
        self._version = self._before
        self._over(Step.DONE, UpgradeState.SKIPPED, "already-installed", "it runs that version")

    def cancel(self) -> None:
        """Nobody wants it any more."""
        self._over(Step.FAILED, UpgradeState.CANCELLED, "cancelled", "it was cancelled")

    def cut_off(self) -> UpgradeEnd:
        """How it ended if nobody looks after it any more."""
        state = UpgradeState.UNKNOWN if self.image_sent else UpgradeState.FAILED
        text = "the connector gave the device up in the middle"
        self._over(Step.FAILED, state, "interrupted", text)
        assert self.end is not None  # noqa: S101 - just set
        return self.end

    # --- inside -----------------------------------------------------------------------------------------

    @property
    def _tells(self) -> bool:
        """Whether the version tells anything: an image over itself leaves no trace."""
        if self._version == "":
            return False
        return self._before != "" if self._expected is None else self._before != self._expected

    @property
    def _is_as_ordered(self) -> bool:
        return self._version == (self._expected or self._version) and (
            self._expected is not None or self._version != self._before
        )

    def _by_its_word(self) -> None:
        """It says that it worked; that stands unless its version says otherwise."""
        if self._version in {"", self._expected}:
            self._over(Step.DONE, UpgradeState.SUCCEEDED, "", "by its own word")
        elif self._version == self._before:
            text = "the device says that it worked, and runs the version it had"
            self._over(Step.FAILED, UpgradeState.UNCHANGED, "same-version", text)
        elif self._expected is None:
            self._over(Step.DONE, UpgradeState.SUCCEEDED, "", "by its own word")
        else:
            text = "the device runs another version than the one ordered"
            self._over(Step.FAILED, UpgradeState.UNCHANGED, "other-version", text)

    def _timed_out(self, *, online: bool) -> None:
        if not self.image_sent:
            state, text = UpgradeState.FAILED, "the device did not fetch the whole image in time"
        elif not online:
            state, text = UpgradeState.NOT_BACK, "the device did not come back in time"
        elif self._tells:
            state, text = UpgradeState.UNCHANGED, "the device told no result, and runs another version"
        else:
            state, text = UpgradeState.UNKNOWN, "the device told no result, nor does its version"
        self._over(Step.TIMEOUT, state, "timeout", text)

    def _over(
        self, step: Step, state: UpgradeState, reason: str, text: str, *, code: str | None = None
    ) -> None:
        if self.end is None:
            self.step = step
            after = self._version or (self._told_version if state is UpgradeState.SUCCEEDED else None)
            self.end = UpgradeEnd(state, self._before, after, reason, text, code, self.image_sent)
