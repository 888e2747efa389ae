"""A hundred thousand damaged datagrams: nothing is raised, nothing piles up (GB-012)."""

from __future__ import annotations

import gc

import pytest
from sip_storm import storm

pytestmark = pytest.mark.slow


def test_a_hundred_thousand_damaged_datagrams_leave_nothing_behind() -> None:
    storm(1_000)
    gc.collect()
    before = len(gc.get_objects())

    left = storm(100_000, seed=2)

    gc.collect()
    assert left == 0
    assert len(gc.get_objects()) - before < 1_000
