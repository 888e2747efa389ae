"""Check the conformance ledgers: `docs/conformance/<protocol>.yaml`.

A ledger lists every requirement of one protocol with its status; `done` names the tests that prove it. The
check fails when a requirement id is missing or unknown, a status is not one of the four, a `done` names no
test, or a named test does not exist. Whether the named tests pass is the business of the test run
(`ledger_plugin.py`).
"""

import argparse
import ast
import collections
import functools
import sys
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parent.parent
STATUSES = ("done", "partial", "todo", "n/a")
LEVELS = ("core", "full", "beyond")
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""libyaml's where there is one: ten times as fast, and just as safe."""


def ledgers() -> list[Path]:
    """Every ledger of the repository, in the order of their names."""
    return sorted((ROOT / "docs" / "conformance").glob("*.yaml"))


def load(path: Path) -> dict[str, Any]:
    """One ledger as it stands: `prefix`, `numbers` ("1-29 40-52") and `requirements`."""
    document = yaml.load(path.read_text(encoding="utf-8"), Loader=_LOADER)
    if not isinstance(document, dict):
        raise SystemExit(f"{path.name}: not a mapping")
    return document


def proving_tests(path: Path) -> dict[str, list[str]]:
    """Requirement id -> node ids of the tests that prove it, for the requirements that are `done`."""
    rows: dict[str, dict[str, Any]] = load(path)["requirements"]
    return {name: list(row.get("tests", [])) for name, row in rows.items() if row.get("status") == "done"}


@functools.cache
def tests_in(path: Path) -> frozenset[str]:
    """Names (`test_x`, `TestY::test_x`) of the tests one file defines; none when there is no such file."""
    if not path.is_file():
        return frozenset()
    names: set[str] = set()
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            names.add(node.name)
        elif isinstance(node, ast.Assign):  # hypothesis machines: TestMachine = Machine.TestCase
            names |= {f"{target.id}::runTest" for target in node.targets if isinstance(target, ast.Name)}
        elif isinstance(node, ast.ClassDef):
            names |= {
                f"{node.name}::{member.name}"
                for member in node.body
                if isinstance(member, ast.FunctionDef | ast.AsyncFunctionDef)
            }
    return frozenset(names)


def faults_of_row(name: str, row: dict[str, Any]) -> list[str]:
    """What is wrong with one requirement's row."""
    faults = []
    if row.get("status") not in STATUSES:
        faults.append(f"{name}: status {row.get('status')!r} is none of {', '.join(STATUSES)}")
    if row.get("level") not in LEVELS:
        faults.append(f"{name}: level {row.get('level')!r} is none of {', '.join(LEVELS)}")
    if row.get("status") == "done" and not row.get("tests"):
        faults.append(f"{name}: done, but no test is named")
    if row.get("status") in {"partial", "n/a"} and not row.get("note"):
        faults.append(f"{name}: {row.get('status')}, but no note says why")
    for test in row.get("tests", []):
        file, _, function = test.partition("::")
        if function.partition("[")[0] not in tests_in(ROOT / file):
            faults.append(f"{name}: there is no test {test}")
    return faults


def numbers(text: str) -> list[int]:
    """The numbers of the requirements a protocol has, from ranges such as "1-29 40-52"."""
    spans = [[int(end) for end in span.split("-")] for span in text.split()]
    return [number for span in spans for number in range(span[0], span[-1] + 1)]


def faults_of_ledger(path: Path) -> list[str]:
    """What is wrong with one ledger, a line each."""
    ledger = load(path)
    rows: dict[str, dict[str, Any]] = ledger["requirements"]
    wanted = [f"{ledger['prefix']}-{number:03d}" for number in numbers(str(ledger["numbers"]))]
    faults = [f"{name}: missing from the ledger" for name in wanted if name not in rows]
    faults += [f"{name}: not a requirement of this protocol" for name in rows if name not in set(wanted)]
    for name, row in rows.items():
        faults += faults_of_row(name, row)
    return [f"{path.name}: {fault}" for fault in faults]


def summary(path: Path) -> str:
    """One line: how many requirements of each level are done, partial, todo and not applicable."""
    counts: collections.Counter[tuple[str, str]] = collections.Counter()
    for row in load(path)["requirements"].values():
        counts[row["level"], row["status"]] += 1
    parts = []
    for level in LEVELS:
        states = ", ".join(
            f"{counts[level, status]} {status}" for status in STATUSES if counts[level, status]
        )
        parts.append(f"{level}: {states or 'none'}")
    return f"{path.stem}: " + "; ".join(parts)


def main() -> int:
    """Print a summary of every ledger; with `--check`, exit 1 when one of them is not true."""
    parser = argparse.ArgumentParser(description="Summarise and check the conformance ledgers.")
    parser.add_argument("--check", action="store_true", help="exit 1 when a ledger is not true")
    arguments = parser.parse_args()
    faults = [fault for path in ledgers() for fault in faults_of_ledger(path)]
    for fault in faults:
        print(fault, file=sys.stderr)
    if not faults:
        for path in ledgers():
            print(summary(path))
    return 1 if faults and arguments.check else 0


if __name__ == "__main__":
    raise SystemExit(main())
