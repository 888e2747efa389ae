"""Maintenance windows: when devices may be begun; pure."""

from datetime import datetime, timedelta

from cambus.schemas.state.rollout import RolloutRules

AHEAD = timedelta(days=8)
"""A weekly plan has shown all it has by then."""


def is_open(rules: RolloutRules, now: datetime) -> bool:
    """Whether a window is open, and long enough yet."""
    if rules.windows is None:
        return True
    if not rules.windows.covers(now):
        return False
    end = now + timedelta(seconds=rules.window_margin_s)
    return rules.window_margin_s == 0 or rules.windows.between(now, end) == [(now, end)]


def opens_at(rules: RolloutRules, now: datetime) -> datetime | None:
    """When the next window begins that is long enough; None if there is none."""
    if rules.windows is None:
        return None
    margin = timedelta(seconds=rules.window_margin_s)
    for start, end in rules.windows.between(now, now + AHEAD):
        if start > now and (end - start >= margin or end == now + AHEAD):
            return start
    return None
