"""What is known of one device's upgrade, and what follows from it; pure.

    queued -> preparing -> transferring -> flashing -> rebooting -> verifying -> one of the final states
       ^         |
       +---------+  nothing was done: it waits for its next turn

An image that may have gone out is never sent again: from `preparing` on only the connector that was asked, the
device's events and the version it comes back with decide.
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
WHOLLY_SENT = frozenset(ORDER[3:])
FAILURES = frozenset(
    {UpgradeState.FAILED, UpgradeState.UNCHANGED, UpgradeState.NOT_BACK, UpgradeState.UNKNOWN}
)


def with_changes(attempt: UpgradeAttempt, now: datetime, **changes: Any) -> UpgradeAttempt:
    """The attempt with some fields changed and the time of the change noted."""
    state = changes.get("state", attempt.state)
    finished_at = now if state.final and attempt.finished_at is None else attempt.finished_at
    return attempt.model_copy(update={**changes, "updated_at": now, "finished_at": finished_at})


def ended(
    attempt: UpgradeAttempt, now: datetime, state: UpgradeState, *, reason: str, text: str, **changes: Any
) -> UpgradeAttempt:
    """The attempt at its end, unless it has come to one already."""
    if attempt.state.final:
        return attempt
    return with_changes(attempt, now, state=state, reason=reason, text=text, **changes)


def ordered(
    attempt: UpgradeAttempt, now: datetime, *, job: str, session: str, version: str
) -> UpgradeAttempt:
    """The attempt when the order is about to go out; only one that is queued can be ordered."""
    if attempt.state is not UpgradeState.QUEUED:
        return attempt
    return with_changes(
        attempt,
        now,
        state=UpgradeState.PREPARING,
        job=job,
        session=session,
        version_before=version,
        started_at=now,
        reason="",
        text="",
    )


def answered(attempt: UpgradeAttempt, now: datetime) -> UpgradeAttempt:
    """The attempt when the connector has taken the order: from now on it is never repeated."""
    if attempt.state.final or attempt.state is UpgradeState.QUEUED or attempt.session == "":
        return attempt
    return with_changes(attempt, now, session="")


def put_back(attempt: UpgradeAttempt, now: datetime, *, reason: str, text: str) -> UpgradeAttempt:
    """The attempt after a refusal that says nothing was done: it waits for its next turn."""
    if attempt.state is not UpgradeState.PREPARING:
        return attempt
    return with_changes(attempt, now, state=UpgradeState.QUEUED, reason=reason, text=text)


def progressed(attempt: UpgradeAttempt, event: UpgradeProgressed, now: datetime) -> UpgradeAttempt:
    """The attempt after a step of the device; what is late or comes twice changes nothing."""
    if attempt.state.final or event.state.final or ORDER.index(event.state) < ORDER.index(attempt.state):
        return attempt
    same = event.state is attempt.state
    percent = max(event.percent or 0.0, attempt.percent or 0.0) if same else event.percent
    sent = attempt.image_sent or event.state in WHOLLY_SENT
    return with_changes(
        attempt,
        now,
        job=event.job,
        session="",
        state=event.state,
        percent=percent,
        image_sent=sent,
        reason="",
        text="",
    )


def finished(
    attempt: UpgradeAttempt, event: UpgradeFinished, expected: str | None, now: datetime
) -> UpgradeAttempt:
    """The attempt after its end, as the connector saw it, measured by the version that was ordered.

    Where the connector could not see the end, as one that was stopped in the middle, the version is still to tell.
    """
    if attempt.state.final or not event.state.final:
        return attempt
    state, reason, after = event.state, event.reason, event.version_after
    if state is UpgradeState.UNKNOWN and after is None:
        state = UpgradeState.VERIFYING
    if state is UpgradeState.SUCCEEDED:
        if after is None:
            state = UpgradeState.VERIFYING  # nobody has looked yet
        elif after != "" and not _is_as_ordered(after, event.version_before, expected):
            state, reason = UpgradeState.UNCHANGED, "other-version"
    return with_changes(
        attempt,
        now,
        job=event.job,
        state=state,
        reason=reason,
        text=event.text,
        percent=100.0 if state is UpgradeState.SUCCEEDED else attempt.percent,
        image_sent=attempt.image_sent or event.image_sent or state is UpgradeState.VERIFYING,
        version_before=attempt.version_before or event.version_before,
        version_after=after,
        device_code=event.device_code,
    )


def judged(
    attempt: UpgradeAttempt, version: str, expected: str | None, now: datetime, *, settled: bool
) -> UpgradeAttempt:
    """The attempt when the device is there and its connector does not know the job any more.

    Args:
        attempt: what was known last.
        version: the version the device reports now.
        expected: the version that was ordered; None for any other than before.
        now: the present.
        settled: whether it has been there for long enough that it will not change any more.

    Returns:
        The attempt, unchanged as long as waiting may help.
    """
    if attempt.state.final or attempt.state is UpgradeState.QUEUED:
        return attempt
    before = attempt.version_before
    # Sent again over itself, an image leaves no trace; nor where nobody knows what was there before.
    tells = version != "" and (before != "" if expected is None else before != expected)
    if tells and _is_as_ordered(version, before, expected):
        return ended(
            attempt,
            now,
            UpgradeState.SUCCEEDED,
            reason="",
            text="by the version it runs",
            version_after=version,
            percent=100.0,
            image_sent=True,
        )
    if not settled:
        return attempt
    if not attempt.image_sent:
        state, reason, text = UpgradeState.FAILED, "interrupted", "the image was perhaps not wholly sent"
    elif tells:
        state, reason, text = UpgradeState.UNCHANGED, "other-version", "it runs another version than ordered"
    else:
        state, reason, text = UpgradeState.UNKNOWN, "no-trace", "its version does not tell whether it worked"
    return ended(attempt, now, state, reason=reason, text=text, version_after=version)


def _is_as_ordered(version: str, before: str, expected: str | None) -> bool:
    return version == expected if expected is not None else version != before
