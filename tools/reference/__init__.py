"""The reference of the documentation, made of the code whenever the site is built: no page of it is committed.

Each module makes one page, as Markdown; `PAGES` says which. What a page says of a command, a setting or a metric
is what the program itself goes by, so a page cannot be older than the program.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from reference import (
    command_line,
    commands,
    conformance,
    devices_file,
    errors,
    events,
    metrics,
    parts,
    settings,
    state,
)

PAGES: Final[Mapping[str, Callable[[], str]]] = MappingProxyType(
    {
        "commands.md": commands.device_page,
        "service-commands.md": commands.service_page,
        "events.md": events.page,
        "state.md": state.page,
        "parts.md": parts.page,
        "errors.md": errors.page,
        "cambusctl.md": command_line.page,
        "devices-yaml.md": devices_file.page,
        "settings.md": settings.page,
        "metrics.md": metrics.page,
        "conformance.md": conformance.page,
    }
)
"""What makes each page of `reference/`, in the order of the navigation."""
