"""Run the benchmarks and print their ratios: `make bench`, or `run.py NAME…` for some of them.

Every `bench_*.py` below this folder is one script that prints JSON objects, one a line:

    {"row": "command round trip", "runs": 3, "ratio": {"p50": 2.1}, "limit": {"p50": 3}, …}

`ratio` compares with a reference measured in the same minutes on the same machine; `limit` is what to stay
under (or, with `"at_least": true`, to reach). Other keys are shown as they are. Results are kept in
`bench-results/`.
"""

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
RESULTS = ROOT / "bench-results"
TIMEOUT_S = 300


def scripts(names: list[str]) -> list[Path]:
    """The benchmark scripts whose path contains one of `names`; all of them for an empty list."""
    found = sorted(HERE.rglob("bench_*.py"))
    return [path for path in found if not names or any(name in str(path.relative_to(HERE)) for name in names)]


def measure(script: Path) -> list[dict[str, Any]]:
    """Run one script; its results, or one row that says what went wrong."""
    label = str(script.relative_to(HERE))
    try:
        done = subprocess.run(
            [sys.executable, str(script)],
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
            cwd=ROOT,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return [{"row": label, "error": f"no result after {TIMEOUT_S} s"}]
    rows = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    if done.returncode or not rows:
        return [{"row": label, "error": (done.stderr.strip().splitlines() or ["no result"])[-1]}]
    return rows


def verdict(row: dict[str, Any]) -> str:
    """`met`, `missed` or empty where the row has no limit."""
    ratios, limits = row.get("ratio"), row.get("limit")
    if "error" in row:
        return "failed"
    if ratios is None or limits is None:
        return ""
    pairs = [(ratios[key], limits[key]) for key in limits] if isinstance(limits, dict) else [(ratios, limits)]
    met = all(value >= limit if row.get("at_least") else value <= limit for value, limit in pairs)
    return "met" if met else "missed"


def text(value: Any) -> str:
    """One cell: numbers to three digits, mappings as `key value`."""
    if isinstance(value, dict):
        return ", ".join(f"{key} {text(each)}" for key, each in value.items())
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def main() -> int:
    """Run, print the table, store the JSON; 1 when a script failed."""
    parser = argparse.ArgumentParser(description="Run the benchmarks and print their ratios.")
    parser.add_argument("names", nargs="*", help="parts of script paths; all scripts without one")
    rows = [row for script in scripts(parser.parse_args().names) for row in measure(script)]
    table = Table("row", "ratio", "limit", "", "measured")
    for row in rows:
        known = {"row", "ratio", "limit", "at_least"}
        rest = {key: value for key, value in row.items() if key not in known}
        limit = text(row.get("limit", "")) and ("≥ " if row.get("at_least") else "≤ ") + text(row["limit"])
        table.add_row(row["row"], text(row.get("ratio", "")), limit, verdict(row), text(rest))
    Console(width=160 if not sys.stdout.isatty() else None).print(table)
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{time.strftime('%Y%m%dT%H%M%S')}.json"
    path.write_text(json.dumps(rows, indent=1))
    print(f"stored in {path.relative_to(ROOT)}")
    return 1 if any("error" in row for row in rows) else 0


if __name__ == "__main__":
    raise SystemExit(main())
