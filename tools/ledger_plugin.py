"""A pytest plugin: the run fails when a test that a conformance ledger names was collected but did not pass.

A failure fails the run anyway; what this adds is the skipped or expected-to-fail test, which would otherwise
let a ledger say `done` about something nobody has seen work.
"""

from collections import defaultdict
from pathlib import Path

import ledgers
import pytest

PASSED = "passed"


class LedgerCheck:
    """Collects the outcome of every reported test and compares the ledgers' claims with them at the end."""

    def __init__(self) -> None:
        self.outcomes: dict[str, set[str]] = defaultdict(set)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Remember a call's outcome, or a skip or error before it, under the node id without parameters."""
        if report.when == "call" or not report.passed:
            outcome = PASSED if report.passed and not hasattr(report, "wasxfail") else "not passed"
            self.outcomes[report.nodeid.partition("[")[0]].add(outcome)

    def unproven(self) -> list[str]:
        """Claims of the ledgers whose tests ran here and did not pass."""
        lines = []
        for path in ledgers.ledgers():
            for requirement, tests in ledgers.proving_tests(path).items():
                lines += [
                    f"{path.name}: {requirement} says done, but {test} did not pass"
                    for test in tests
                    if self.outcomes.get(test.partition("[")[0], {PASSED}) != {PASSED}
                ]
        return lines

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Turn an otherwise green run red when a claim is unproven."""
        if self.unproven() and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Say which claims are unproven."""
        for line in self.unproven():
            terminalreporter.write_line(line, red=True)


def pytest_configure(config: pytest.Config) -> None:
    """Register in the process that sees all reports: the only one, or the controller of a parallel run."""
    ledger_folder = Path(ledgers.ROOT) / "docs" / "conformance"
    if not hasattr(config, "workerinput") and ledger_folder.is_dir():
        config.pluginmanager.register(LedgerCheck(), "cambus-ledgers")
