"""What is known of one device's upgrade, and what follows from it; pure.

    queued -> preparing -> transferring -> flashing -> rebooting -> verifying -> one of the final states
       ^         |              |
       +---------+              |  nothing was done: it waits for its next turn
       +------------------------+  it broke off, and the connector that sent it saw that: another try, as ordered

An image that may have gone out is never sent again: from `preparing` on only the connector that was asked, the
device's events and the version it comes back with decide.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from cambus.schemas.events.upgrade import UpgradeFinished, UpgradeProgressed
from cambus.schemas.state.rollout import RolloutRules
from cambus.schemas.state.upgrades import MAX_STEPS, AttemptStep, UpgradeAttempt
from cambus.schemas.upgrades import UpgradeState
from cambus.upgrade_manager.jobs import job_of

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
BROKEN_OFF = frozenset(
    {
        "connection-lost",
        "download-timeout",
        "no-answer",
        "not-fetched",
        "not-owner",
        "not-recorded",
        "offline",
    }
)
"""Reasons of a connector that saw all of an upgrade, and that its image did not get out whole."""
SETTLING = "settling"
MAX_RESTARTS = 3
"""So often may a device come anew while it is seen whether its upgrade lasts."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a campaign asks of each device.

    Attributes:
        version: the version it is to run; None for any other than before.
        retries: how often it may be tried again after a transfer that broke off.
        retry_delay_s: seconds before that.
        stable_s: seconds it has to stay with the new version.
    """

    version: str | None = None
    retries: int = 0
    retry_delay_s: int = 0
    stable_s: int = 0

    @classmethod
    def of(cls, rules: RolloutRules, version: str | None) -> "Wanted":
        """What these rules ask."""
        return cls(version, rules.retries, rules.retry_delay_s, rules.stable_s)


def with_changes(attempt: UpgradeAttempt, now: datetime, **changes: Any) -> UpgradeAttempt:
    """The attempt with some fields changed, the time of the change noted and a new state written in its history."""
    state, reason = changes.get("state", attempt.state), changes.get("reason", attempt.reason)
    finished_at = (attempt.finished_at or now) if state.final else None
    steps = attempt.steps
    if (state, reason) != (attempt.state, attempt.reason):
        steps = [*steps, AttemptStep(at=now, state=state, reason=reason)][-MAX_STEPS:]
    return attempt.model_copy(
        update={**changes, "updated_at": now, "finished_at": finished_at, "steps": steps}
    )


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


def held_up(attempt: UpgradeAttempt, now: datetime, *, other: str, delay_s: float) -> UpgradeAttempt:
    """The attempt while another campaign has the device: it waits until that is done with it."""
    if attempt.state is not UpgradeState.QUEUED:
        return attempt
    text = f"campaign {other} has it, until its part there is over and it is known how"
    retry_at = now + timedelta(seconds=delay_s)
    return with_changes(attempt, now, reason="other-campaign", text=text, retry_at=retry_at)


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


def tried_again(attempt: UpgradeAttempt, now: datetime, *, delay_s: float, **changes: Any) -> UpgradeAttempt:
    """The attempt when the device is to have another turn, under a job of another name: the old one is not taken."""
    tries = attempt.tries + 1
    return with_changes(
        attempt,
        now,
        state=UpgradeState.QUEUED,
        tries=tries,
        job=job_of(attempt.campaign, attempt.device, tries),
        retry_at=now + timedelta(seconds=delay_s),
        session="",
        percent=None,
        image_sent=False,
        steady_session="",
        restarts=0,
        version_after=None,
        **changes,
    )


def finished(
    attempt: UpgradeAttempt, event: UpgradeFinished, wanted: Wanted, now: datetime
) -> UpgradeAttempt:
    """The attempt after its end, as the connector saw it, measured by what was ordered.

    Where the connector could not see the end, as one that was stopped in the middle, the version is still to tell.
    """
    if attempt.state.final or not event.state.final:
        return attempt
    state, reason, after = event.state, event.reason, event.version_after
    sent = attempt.image_sent or event.image_sent
    if state is UpgradeState.FAILED and not sent and reason in BROKEN_OFF and attempt.tries < wanted.retries:
        return tried_again(
            attempt, now, delay_s=wanted.retry_delay_s, reason=reason, text=f"tried again: {event.text}"
        )
    if state is UpgradeState.UNKNOWN and after is None:
        state = UpgradeState.VERIFYING
    if state is UpgradeState.SUCCEEDED:
        if after is None:
            state = UpgradeState.VERIFYING  # nobody has looked yet
        elif after != "" and not _is_as_ordered(after, event.version_before, wanted.version):
            state, reason = UpgradeState.UNCHANGED, "other-version"
        elif wanted.stable_s:
            state, reason = UpgradeState.VERIFYING, SETTLING
    return with_changes(
        attempt,
        now,
        job=event.job,
        state=state,
        reason=reason,
        text=event.text,
        percent=100.0 if state is UpgradeState.SUCCEEDED else attempt.percent,
        image_sent=sent or state is UpgradeState.VERIFYING,
        version_before=attempt.version_before or event.version_before,
        version_after=after,
        device_code=event.device_code,
    )


def learned(
    attempt: UpgradeAttempt, event: UpgradeProgressed | UpgradeFinished, wanted: Wanted, now: datetime
) -> UpgradeAttempt:
    """The attempt after whatever its connector tells, late, twice or out of order as that may come."""
    if event.job != (attempt.job or job_of(attempt.campaign, attempt.device)):
        return attempt  # an earlier try, or somebody else's job
    if isinstance(event, UpgradeProgressed):
        return progressed(attempt, event, now)
    return finished(attempt, event, wanted, now)


@dataclass(frozen=True, slots=True)
class Look:
    """What is seen of a device that is there.

    Attributes:
        version: the version it reports.
        session: names its session.
        there_s: for how long that has lasted.
        silent_s: for how long nothing was heard of its upgrade.
    """

    version: str
    session: str
    there_s: float
    silent_s: float


def judged(
    attempt: UpgradeAttempt, look: Look, wanted: Wanted, now: datetime, *, settle_s: float
) -> UpgradeAttempt:
    """The attempt when the device is there and its connector does not know the job any more, or is done with it.

    Args:
        attempt: what was known last.
        look: what is seen now.
        wanted: what was ordered.
        now: the present.
        settle_s: for how long it must be there before it is believed that it will not change any more.

    Returns:
        The attempt, unchanged as long as waiting may help.
    """
    if attempt.state.final or attempt.state is UpgradeState.QUEUED:
        return attempt
    before, expected, version = attempt.version_before, wanted.version, look.version
    # Sent again over itself, an image leaves no trace; nor where nobody knows what was there before.
    tells = version != "" and (before != "" if expected is None else before != expected)
    if (tells or attempt.reason == SETTLING) and _is_as_ordered(version, before, expected):
        return _steady(attempt, look, wanted, now)
    if min(look.there_s, look.silent_s) < settle_s:
        return attempt
    if not attempt.image_sent:
        state, reason, text = UpgradeState.FAILED, "interrupted", "the image was perhaps not wholly sent"
    elif tells:
        state, reason, text = UpgradeState.UNCHANGED, "other-version", "it runs another version than ordered"
    else:
        state, reason, text = UpgradeState.UNKNOWN, "no-trace", "its version does not tell whether it worked"
    return ended(attempt, now, state, reason=reason, text=text, version_after=version)


def _steady(attempt: UpgradeAttempt, look: Look, wanted: Wanted, now: datetime) -> UpgradeAttempt:
    """The attempt of a device that runs what was ordered: upgraded, once that has lasted for long enough."""
    if look.there_s >= wanted.stable_s:
        return ended(
            attempt,
            now,
            UpgradeState.SUCCEEDED,
            reason="",
            text="by the version it runs",
            version_after=look.version,
            percent=100.0,
            image_sent=True,
        )
    if attempt.steady_session == look.session:
        return attempt
    restarts = attempt.restarts + (attempt.steady_session != "")
    if restarts > MAX_RESTARTS:
        text = f"it runs the new version, and came anew {restarts} times"
        return ended(
            attempt,
            now,
            UpgradeState.FAILED,
            reason="boot-loop",
            text=text,
            restarts=restarts,
            image_sent=True,
        )
    return with_changes(
        attempt,
        now,
        state=UpgradeState.VERIFYING,
        reason=SETTLING,
        text="runs the new version; it is seen whether that lasts",
        version_after=look.version,
        steady_session=look.session,
        restarts=restarts,
        image_sent=True,
    )


def decided(attempt: UpgradeAttempt, state: UpgradeState, note: str, now: datetime) -> UpgradeAttempt:
    """The attempt nobody knows the end of, after an operator has said how it ended."""
    if attempt.state is not UpgradeState.UNKNOWN:
        return attempt
    decision = f"{state}: {note}" if note else str(state)
    return with_changes(attempt, now, state=state, reason="decided", decision=decision, text="by an operator")


def _is_as_ordered(version: str, before: str, expected: str | None) -> bool:
    return version == expected if expected is not None else version != before
