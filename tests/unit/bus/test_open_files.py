"""How many files and connections a service may have open."""

import resource

import pytest

from cambus.bus import runner

UNBOUNDED = resource.RLIM_INFINITY


@pytest.mark.parametrize(
    ("soft", "hard", "raised_to"),
    [
        (1024, 4096, 4096),
        (1024, 1_048_576, runner.MAX_FILES),
        (1024, UNBOUNDED, runner.MAX_FILES),
        (4096, 4096, None),
        (200_000, 1_048_576, None),
        (UNBOUNDED, UNBOUNDED, None),
    ],
)
def test_a_service_takes_what_the_system_lets_it_have(monkeypatch, soft, hard, raised_to):
    told = []
    monkeypatch.setattr(resource, "getrlimit", lambda which: (soft, hard))
    monkeypatch.setattr(resource, "setrlimit", lambda which, bounds: told.append(bounds))
    runner.allow_files()
    assert told == ([] if raised_to is None else [(raised_to, hard)])
