"""Descriptors: as many as the system allows, and what of them HLS segments may have."""

import resource

import pytest

from cambus.media_relay import descriptors


class Limits:
    """The limit of open files of a process that is not this one."""

    def __init__(self, soft, hard, *, fixed=False):
        self.now, self._fixed = (soft, hard), fixed

    def getrlimit(self, _):
        return self.now

    def setrlimit(self, _, wanted):
        if self._fixed or wanted[0] > wanted[1] > 0:
            raise ValueError("not allowed to raise maximum limit")
        self.now = wanted

    def __getattr__(self, name):
        return getattr(resource, name)


INFINITE = resource.RLIM_INFINITY


@pytest.mark.parametrize(
    ("soft", "hard", "then"),
    [
        (1024, 1 << 20, descriptors.WANTED),
        (1024, 4096, 4096),
        (1 << 17, 1 << 20, 1 << 17),
        (1024, INFINITE, descriptors.WANTED),
        (INFINITE, INFINITE, descriptors.WANTED),
    ],
)
def test_the_limit_is_raised_as_far_as_it_may_be(soft, hard, then, monkeypatch):
    limits = Limits(soft, hard)
    monkeypatch.setattr(descriptors, "resource", limits)
    descriptors.raise_limit()
    assert descriptors.limit() == then
    assert limits.now[1] == hard


def test_a_system_that_raises_nothing_is_no_failure(monkeypatch):
    monkeypatch.setattr(descriptors, "resource", Limits(1024, 4096, fixed=True))
    descriptors.raise_limit()
    assert descriptors.limit() == 1024


def test_segments_have_what_viewers_leave_and_a_limit_that_is_too_low_is_told(caplog):
    assert descriptors.for_segments(65_536, 6000) == 65_536 - 6000 - 512
    assert not caplog.records
    assert descriptors.for_segments(1024, 6000) == 256
    assert "raise the limit" in caplog.text
