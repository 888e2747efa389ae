"""How far each protocol is done, from its ledger."""

from collections import Counter
from pathlib import Path
from typing import Any

import ledgers

from reference.markdown import GENERATED, document, prose, table

STATUSES = ("done", "partial", "todo", "n/a")


def page() -> str:
    """The page of the ledgers."""
    intro = (
        "One ledger for each protocol lists every requirement that its documents make. One that is *done* "
        "names the tests that prove it, and the test run fails when one of them did not pass. What is partly "
        "done, or does not apply, says why."
    )
    loaded = {path: ledgers.load(path) for path in ledgers.ledgers()}
    return document(
        "# Conformance",
        GENERATED,
        intro,
        table(("protocol", *STATUSES, "ledger"), (_counts(path, ledger) for path, ledger in loaded.items())),
        *(part for path, ledger in loaded.items() for part in (f"## {path.stem}", _requirements(ledger))),
    )


def _counts(path: Path, ledger: dict[str, Any]) -> tuple[str, ...]:
    counted = Counter(row["status"] for row in ledger["requirements"].values())
    link = f"[{path.name}](../conformance/{path.name})"
    return (f"[{path.stem}](#{path.stem})", *(str(counted[status]) for status in STATUSES), link)


def _requirements(ledger: dict[str, Any]) -> str:
    rows = (
        (name, row["status"], prose(str(row.get("requirement", ""))), prose(str(row.get("note", ""))))
        for name, row in ledger["requirements"].items()
    )
    return table(("id", "status", "requirement", "note"), rows)
