"""The table of devices: everything in one row where there is room, else the error on a line of its own."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from rich.cells import cell_len
from rich.console import Console, RenderableType
from rich.console import Group as Together
from rich.text import Text

from cambus.cli.device_status import COLUMNS, DeviceStatus
from cambus.cli.output import WIDE, cell, table

ERROR: Final = COLUMNS.index("last error")
EXPENDABLE: Final = ("replica", "model", "channels", "name", "since")
"""What is left out of a narrow terminal, first first."""

SPACE: Final = 2


def device_table(devices: Sequence[DeviceStatus], now: datetime, console: Console) -> RenderableType:
    """The devices as wide as the console allows; ids and states are never cut."""
    rows = [[cell(value) for value in device.row(now)] for device in devices]
    whole = table(COLUMNS, rows)
    if console.measure(whole, options=console.options.update_width(WIDE)).maximum <= console.width:
        return whole
    shown = _that_fit(rows, console.width)
    widths = {column: _width(column, rows) for column in shown}
    lines = [_line([Text(COLUMNS[column], "bold") for column in shown], list(widths.values()))]
    for row in rows:
        lines.append(_line([row[column] for column in shown], list(widths.values())))
        if row[ERROR].plain:
            lines.append(Text.assemble("  ", row[ERROR]))
    return Together(*lines)


def _that_fit(rows: Sequence[Sequence[Text]], room: int) -> list[int]:
    """The columns that fit beside each other, the error not among them."""
    shown = [column for column in range(len(COLUMNS)) if column != ERROR]
    for name in EXPENDABLE:
        if sum(_width(column, rows) + SPACE for column in shown) - SPACE <= room:
            break
        shown.remove(COLUMNS.index(name))
    return shown


def _width(column: int, rows: Sequence[Sequence[Text]]) -> int:
    return max([len(COLUMNS[column]), *(cell_len(row[column].plain) for row in rows)])


def _line(cells: Sequence[Text], widths: Sequence[int]) -> Text:
    line = Text()
    for text, width in zip(cells, widths, strict=True):
        line.append_text(text)
        line.append(" " * (width - cell_len(text.plain) + SPACE))
    line.rstrip()
    return line
