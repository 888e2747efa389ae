"""The waves of a campaign, and what lets the next one begin; pure."""

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from cambus.schemas.state.rollout import RolloutRules, Wave
from cambus.schemas.state.upgrades import UpgradeAttempt
from cambus.schemas.upgrades import UpgradeState
from cambus.upgrade_manager.verdict import FAILURES

GOOD = frozenset({UpgradeState.SUCCEEDED, UpgradeState.SKIPPED})


@dataclass(frozen=True, slots=True)
class Span:
    """One wave.

    Attributes:
        number: counted from 1.
        start, stop: its devices, as places in the campaign.
        rule: what is asked of it.
    """

    number: int
    start: int
    stop: int
    rule: Wave

    @property
    def name(self) -> str:
        """What it is called to people."""
        return f"wave {self.number}"


def spans(rules: RolloutRules, total: int) -> list[Span]:
    """The waves over so many devices."""
    found: list[Span] = []
    start = 0
    for rule in _rules(rules):
        if start >= total:
            break
        stop = min(start + rule.size(total), total)
        found.append(Span(len(found) + 1, start, stop, rule))
        start = stop
    return found


def _rules(rules: RolloutRules) -> Iterator[Wave]:
    if rules.canary is not None:
        yield rules.canary
    yield from rules.waves
    yield from itertools.repeat(rules.waves[-1] if rules.waves else Wave(percent=100.0))


def present(all_spans: Sequence[Span], number: int) -> Span:
    """The wave of that number; the last one for any beyond."""
    return all_spans[min(number, len(all_spans)) - 1]


def is_through(rule: Wave, attempts: Iterable[UpgradeAttempt], is_there: Callable[[str], bool]) -> bool:
    """Whether a wave is over: its devices are, but for those that are away.

    A device that is away holds nobody up; it has its turn when it is back, beside a later wave. Only a wave that is
    to prove something is not over before at least one of its devices was upgraded, or failed.
    """
    measured = rule.required_percent == 0 and rule.soak_s == 0
    for attempt in attempts:
        if not attempt.state.final and (attempt.state is not UpgradeState.QUEUED or is_there(attempt.device)):
            return False
        measured = measured or attempt.state in GOOD or attempt.state in FAILURES
    return measured or all(attempt.state.final for attempt in attempts)


def shortfall(
    span: Span, attempts: Sequence[UpgradeAttempt], still_good: Callable[[UpgradeAttempt], bool]
) -> str:
    """Why the campaign must not go on after a wave, for people; empty if it may.

    Args:
        span: the wave.
        attempts: its devices' parts.
        still_good: whether a device that succeeded is as it should be now.
    """
    counted = [each for each in attempts if each.state in GOOD or each.state in FAILURES]
    good = [
        each
        for each in counted
        if each.state is UpgradeState.SKIPPED or (each.state is UpgradeState.SUCCEEDED and still_good(each))
    ]
    if not counted or 100 * len(good) >= span.rule.required_percent * len(counted):
        return ""
    lost = [each.device for each in counted if each.state in GOOD and each not in good]
    what = (
        f"{span.name}: {len(good)} of {len(counted)} succeeded, {span.rule.required_percent:g} % were wanted"
    )
    if lost:
        what += f"; not as they should be after the upgrade: {', '.join(sorted(lost)[:5])}"
    return what


def stop_reason(rules: RolloutRules, attempts: Iterable[UpgradeAttempt]) -> str:
    """Why a campaign has to stop by itself, for people; empty if it has not to."""
    failed = through = 0
    for attempt in attempts:
        failed += attempt.state in FAILURES
        through += attempt.state in FAILURES or attempt.state is UpgradeState.SUCCEEDED
    if rules.max_failures is not None and failed >= rules.max_failures:
        return f"too many devices failed: {failed}, and {rules.max_failures} were the limit"
    percent = rules.max_failure_percent
    if percent is not None and through >= rules.failure_sample and 100 * failed > percent * through:
        return f"too many devices failed: {failed} of {through}, more than {percent:g} %"
    return ""
