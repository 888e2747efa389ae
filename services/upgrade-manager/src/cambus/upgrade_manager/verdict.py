"""What is known of one device's upgrade, and what follows from it; pure.

An image whose last byte may have gone out is never sent again: from `transferring` on only the device's events and
the version it comes back with decide.
"""

from datetime import datetime
from typing import Any

from cambus.schemas.events.upgrade import UpgradeFinished, UpgradeProgressed
from cambus.schemas.state.upgrades import UpgradeAttempt
from cambus.schemas.upgrades import UpgradeState

ORDER = (
    UpgradeState.QUEUED,
    UpgradeState.PREPARING,
    UpgradeState.TRANSFERRING,
    UpgradeState.FLASHING,
    UpgradeState.REBOOTING,
    UpgradeState.VERIFYING,
)
MAYBE_SENT = frozenset(ORDER[3:])
FAILURES = frozenset(
    {UpgradeState.FAILED, UpgradeState.UNCHANGED, UpgradeState.NOT_BACK, UpgradeState.UNKNOWN}
)


def with_changes(attempt: UpgradeAttempt, now: datetime, **changes: Any) -> UpgradeAttempt:
    """The attempt with some fields changed and the time of the change noted."""
    state = changes.get("state", attempt.state)
    finished_at = now if state.final and attempt.finished_at is None else attempt.finished_at
    return attempt.model_copy(update={**changes, "updated_at": now, "finished_at": finished_at})


def progressed(attempt: UpgradeAttempt, event: UpgradeProgressed, now: datetime) -> UpgradeAttempt:
    """The attempt after a step of the device; what is late or comes twice changes nothing."""
    if attempt.state.final or event.state.final or ORDER.index(event.state) < ORDER.index(attempt.state):
        return attempt
    same = event.state is attempt.state
    percent = max(event.percent or 0.0, attempt.percent or 0.0) if same else event.percent
    sent = attempt.image_sent or event.state in MAYBE_SENT
    return with_changes(attempt, now, state=event.state, percent=percent, image_sent=sent)


def finished(
    attempt: UpgradeAttempt, event: UpgradeFinished, expected: str | None, now: datetime
) -> UpgradeAttempt:
    """The attempt after its end, as the connector saw it, measured by the version that was ordered."""
    if attempt.state.final:
        return attempt
    state, reason = event.state, event.reason
    if state is UpgradeState.SUCCEEDED and expected is not None and event.version_after != expected:
        state, reason = UpgradeState.UNCHANGED, "other-version"
    return with_changes(
        attempt,
        now,
        state=state,
        reason=reason,
        text=event.text,
        percent=100.0 if state is UpgradeState.SUCCEEDED else attempt.percent,
        image_sent=attempt.image_sent or event.image_sent,
        version_before=attempt.version_before or event.version_before,
        version_after=event.version_after,
        device_code=event.device_code,
    )


def orphaned(
    attempt: UpgradeAttempt, version: str | None, expected: str | None, now: datetime
) -> UpgradeAttempt:
    """The attempt when nobody knows its job any more.

    Args:
        attempt: what was known last.
        version: the version the device reports now; None while it is away.
        expected: the version that was ordered; None for any other than before.
        now: the present.

    Returns:
        The attempt, unchanged as long as only waiting helps.
    """
    if version is None:
        return attempt
    changed = version == expected if expected is not None else version not in {"", attempt.version_before}
    if changed:
        return with_changes(
            attempt,
            now,
            state=UpgradeState.SUCCEEDED,
            version_after=version,
            percent=100.0,
            text="by its version",
        )
    if attempt.image_sent:
        return with_changes(
            attempt,
            now,
            state=UpgradeState.UNCHANGED,
            version_after=version,
            reason="other-version",
            text="the device is back with the version it had",
        )
    return with_changes(
        attempt,
        now,
        state=UpgradeState.FAILED,
        version_after=version,
        reason="interrupted",
        text="the transfer broke off; the image was not wholly sent",
    )
