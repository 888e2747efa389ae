"""What `make audit` makes of the answers: nothing known, something known, and nobody asked."""

import json

import audit
import pytest

GOOD = {"name": "good", "version": "1.0", "vulns": []}
BAD = {"name": "bad", "version": "2.0", "vulns": [{"id": "PYSEC-2026-1", "fix_versions": ["2.1"]}]}
UNKNOWN = {"name": "odd", "skip_reason": "not found"}


@pytest.fixture
def home(tmp_path):
    (tmp_path / "bin").mkdir()
    return tmp_path


def answers(home, text):
    """Have pip-audit print this."""
    program = home / "bin" / "pip-audit"
    program.write_text(f"#!/bin/sh\ncat <<'END'\n{text}\nEND\n")
    program.chmod(0o755)


@pytest.mark.parametrize(
    ("dependencies", "code", "said"),
    [
        ([GOOD], 0, "1 dependencies looked up, something is known of 0"),
        ([GOOD, BAD], 1, "bad 2.0: PYSEC-2026-1, mended in 2.1"),
        ([GOOD, UNKNOWN], 2, "not looked up: odd"),
        ([UNKNOWN, UNKNOWN], 2, "nobody could be asked"),
        ([], 2, "nobody could be asked"),
    ],
)
def test_nothing_known_is_said_only_of_what_was_looked_up(home, capsys, dependencies, code, said):
    answers(home, json.dumps({"dependencies": dependencies}))
    assert audit.main(home, home / "requirements.lock") == code
    assert said in capsys.readouterr().out


def test_a_program_that_cannot_begin_is_no_good_news(home, capsys):
    answers(home, "Traceback: no network")
    assert audit.main(home, home / "requirements.lock") == 2
    assert "nobody could be asked" in capsys.readouterr().out
