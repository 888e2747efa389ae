from pathlib import Path

import ledgers
import pytest

LEDGER = """\
prefix: XX
numbers: "1-2"
requirements:
  XX-001: {{level: core, title: frames, status: {status}, tests: [{test}]}}
  XX-002: {{level: full, title: extras, status: todo}}
"""


def write_repository(
    root: Path, *, status: str = "done", test: str = "tests/test_frames.py::test_it"
) -> Path:
    folder = root / "docs" / "conformance"
    folder.mkdir(parents=True)
    (root / "tests").mkdir()
    (root / "tests" / "test_frames.py").write_text("def test_it():\n    pass\n")
    path = folder / "xx.yaml"
    path.write_text(LEDGER.format(status=status, test=test))
    return path


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(ledgers, "ROOT", tmp_path)
    return tmp_path


def test_a_true_ledger_has_no_faults(repository: Path) -> None:
    assert ledgers.faults_of_ledger(write_repository(repository)) == []


def test_a_claim_naming_no_existing_test_is_a_fault(repository: Path) -> None:
    path = write_repository(repository, test="tests/test_frames.py::test_other")
    assert ledgers.faults_of_ledger(path) == [
        "xx.yaml: XX-001: there is no test tests/test_frames.py::test_other"
    ]


def test_a_missing_and_an_unknown_requirement_are_faults(repository: Path) -> None:
    path = write_repository(repository)
    path.write_text(path.read_text().replace("XX-002", "XX-009"))
    assert ledgers.faults_of_ledger(path) == [
        "xx.yaml: XX-002: missing from the ledger",
        "xx.yaml: XX-009: not a requirement of this protocol",
    ]


@pytest.mark.parametrize(("status", "fault"), [("finished", "is none of"), ("partial", "no note says why")])
def test_an_unknown_status_and_an_unexplained_one_are_faults(
    repository: Path, status: str, fault: str
) -> None:
    (line,) = ledgers.faults_of_ledger(write_repository(repository, status=status))
    assert fault in line


SKIPPED = 'import pytest\n\n\n@pytest.mark.skip(reason="later")\ndef test_it():\n    pass\n'
PASSING = "def test_it():\n    pass\n"


@pytest.mark.parametrize(("body", "code"), [(PASSING, 0), (SKIPPED, 1)])
def test_a_run_is_red_when_a_named_test_was_skipped(
    repository: Path, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, body: str, code: int
) -> None:
    write_repository(repository, test="test_frames.py::test_it")
    pytester.makepyfile(test_frames=body)
    result = pytester.runpytest_inprocess("-p", "ledger_plugin", "-p", "no:asyncio")
    assert result.ret == code
    if code:
        result.stdout.fnmatch_lines(["xx.yaml: XX-001 says done, but test_frames.py::test_it did not pass"])


def test_the_numbers_of_a_protocol_may_have_gaps() -> None:
    assert ledgers.numbers("1-3 7 10-11") == [1, 2, 3, 7, 10, 11]
