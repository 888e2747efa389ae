"""What a command shows: text and tables for people, or one JSON document for programs; notes go to stderr."""

import json
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import IO, Any, Final

from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from cambus.cli.failures import CliError
from cambus.cli.formatting import clean, harmless

WIDE: Final = 500
"""Columns of what is not a terminal: a file or a pipe wraps nothing."""

_C1 = re.compile(r"[\x7f-\x9f\u2028\u2029]")


def plain(value: Any) -> Any:
    """Return models, wherever they are inside, as what JSON can hold; secrets stay starred."""
    from pydantic import BaseModel  # noqa: PLC0415 - heavy; help does without

    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, Iterable) and not isinstance(value, str | bytes):
        return [plain(item) for item in value]
    return value


class Output:
    """Where a command writes.

    Args:
        as_json: programs read it.
        stdout, stderr: the process's own when None.
    """

    def __init__(
        self, *, as_json: bool, stdout: IO[str] | None = None, stderr: IO[str] | None = None
    ) -> None:
        self.as_json = as_json
        self.console = _console(stdout or sys.stdout)
        self.errors = _console(stderr or sys.stderr)

    # --- for programs -----------------------------------------------------------------------------------

    def document(self, value: Any) -> None:
        """Print the one JSON document of a command that ends."""
        self._write_json(json.dumps(plain(value), ensure_ascii=False, indent=2, default=str))

    def record(self, value: Any) -> None:
        """Print one line of JSON of a command that goes on."""
        self._write_json(json.dumps(plain(value), ensure_ascii=False, default=str))

    def _write_json(self, text: str) -> None:
        safe = _C1.sub(lambda found: f"\\u{ord(found[0]):04x}", text)
        self.console.file.write(safe + "\n")
        self.console.file.flush()

    # --- for people -------------------------------------------------------------------------------------

    def line(self, text: str = "", style: str = "") -> None:
        """Print one line; whatever is in it is shown as it is, and moves no cursor."""
        self.console.print(Text(harmless(text), style=style), soft_wrap=True)

    def text(self, text: Text) -> None:
        """Print one line that has styles of its own."""
        self.console.print(text, soft_wrap=True)

    def show(self, what: RenderableType) -> None:
        """Print something rich."""
        self.console.print(what)

    def table(self, columns: Sequence[str], rows: Iterable[Sequence[Any]], *, empty: str = "") -> None:
        """Print a table, or the sentence `empty` if it has no rows."""
        filled = table(columns, rows)
        if filled.row_count == 0 and empty:
            self.line(empty, "dim")
        else:
            self.console.print(filled)

    def note(self, text: str) -> None:
        """Say something on the side: on stderr, so that it is in nobody's way."""
        self.errors.print(Text(harmless(text), style="yellow"), soft_wrap=True)

    # --- failures ---------------------------------------------------------------------------------------

    def failure(self, error: CliError) -> None:
        """Say what went wrong and what to do: JSON on stdout for programs, else on stderr."""
        if self.as_json:
            self.document(error.as_json())
            return
        native = f" (device code {clean(error.device_code)})" if error.device_code else ""
        head = f"{error.code} {clean(error.reason)}: " if error.code is not None else ""
        said = harmless(error.text)
        self.errors.print(Text.assemble(("Error: ", "bold red"), head, said, native), soft_wrap=True)
        if error.hint:
            self.errors.print(Text.assemble(("  try: ", "dim"), harmless(error.hint)), soft_wrap=True)


def cell(value: Any) -> Text:
    """One cell: what has a style of its own keeps it, all else is cleaned."""
    if isinstance(value, Text):
        return value
    return Text("" if value is None else clean(value))


def table(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> Table:
    """A table without lines; where there is no room cells are wrapped, and nothing is cut."""
    made = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for name in columns:
        made.add_column(name, overflow="fold")
    for row in rows:
        made.add_row(*(cell(value) for value in row))
    return made


def _console(file: IO[str]) -> Console:
    width = None if file.isatty() else WIDE
    return Console(file=file, width=width, highlight=False, markup=False, emoji=False)
