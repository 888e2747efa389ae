"""Every event of the catalog."""

from typing import Any

from cambus.schemas.assets import STREAM_EVENTS
from cambus.schemas.catalog import EVENTS
from cambus.schemas.spec import EventSpec
from cambus.schemas.subjects import PREFIX
from reference.markdown import GENERATED, code, document, prose, table
from reference.models import example_of, fields_of


def page() -> str:
    """The page of the events."""
    specs = sorted(EVENTS.values(), key=lambda spec: spec.name)
    intro = (
        f"An event is published once, under a stable id, on `{PREFIX}.evt.<device>.<event>`, and kept in the "
        f"stream `{STREAM_EVENTS}`: seven days unless told otherwise. `cambusctl events --follow` shows them "
        "as they come; a program that must miss none reads them with a durable consumer. After a fault an "
        "event may come twice: with the same `id`."
    )
    rows = ((f"[`{spec.name}`](#{spec.name.replace('.', '-')})", prose(spec.summary)) for spec in specs)
    return document(
        "# Events", GENERATED, intro, table(("event", "meaning"), rows), *(_event(spec) for spec in specs)
    )


def _event(spec: EventSpec[Any]) -> str:
    return document(
        f"## {spec.name} {{ #{spec.name.replace('.', '-')} }}",
        prose(spec.summary),
        code(f"{PREFIX}.evt.<device>.{spec.name}"),
        fields_of(spec.model),
        example_of(spec.model),
    )
