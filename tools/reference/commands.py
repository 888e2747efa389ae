"""Every command of the catalog."""

from collections.abc import Callable, Iterable
from itertools import groupby
from typing import Any

from cambus.schemas.catalog import DEVICE_COMMANDS, SERVICE_COMMANDS
from cambus.schemas.spec import CommandSpec
from cambus.schemas.subjects import PREFIX
from reference.markdown import GENERATED, code, document, prose, table
from reference.models import example_of, fields_of

Spec = CommandSpec[Any, Any]


def device_page() -> str:
    """The page of the commands to devices."""
    intro = (
        "Every connector takes all of these; what a device can not do is answered 501. `cambusctl call DEVICE"
        f" NAME JSON` sends one, and so does any NATS client, to the subject `{PREFIX}.cmd.<device>.<name>`. "
        "Failures are [of a closed list](errors.md)."
    )
    return _page("Commands to devices", intro, DEVICE_COMMANDS.values(), lambda spec: spec.noun)


def service_page() -> str:
    """The page of the commands to services."""
    intro = (
        "`cambusctl call --service SERVICE NAME JSON` sends one, and so does any NATS client, to the subject "
        f"`{PREFIX}.svc.<service>.<name>`. Where every replica answers, collect the replies for the time that "
        "is given."
    )
    return _page("Commands to services", intro, SERVICE_COMMANDS.values(), lambda spec: spec.service or "")


def _page(title: str, intro: str, specs: Iterable[Spec], group: Callable[[Spec], str]) -> str:
    ordered = sorted(specs, key=lambda spec: (group(spec), spec.name))
    sections = [
        part
        for name, members in groupby(ordered, key=group)
        for part in (f"## {name}", *(_command(spec) for spec in members))
    ]
    return document(f"# {title}", GENERATED, intro, _overview(ordered), *sections)


def anchor(spec: Spec) -> str:
    """Where the command stands in its page."""
    return spec.key.replace(".", "-")


def _overview(specs: Iterable[Spec]) -> str:
    rows = ((f"[`{spec.key}`](#{anchor(spec)})", prose(spec.summary)) for spec in specs)
    return table(("command", "what it does"), rows)


def _command(spec: Spec) -> str:
    subject = spec.subject() if spec.service else f"{PREFIX}.cmd.<device>.{spec.name}"
    traits = [f"{code(subject)}", f"answered within {spec.timeout_s:g} s"]
    traits += ["every replica answers"] if spec.broadcast else []
    traits += ["may be repeated after a time-out"] if spec.idempotent else []
    traits += ["cannot be taken back: `confirm` must be true"] if spec.confirm else []
    request, reply = fields_of(spec.request), fields_of(spec.reply)
    return document(
        f"### {spec.name} {{ #{anchor(spec)} }}",
        prose(spec.summary),
        " · ".join(traits),
        request or "The request is empty.",
        example_of(spec.request),
        f"The reply, `{spec.reply.__name__}`:\n\n{reply}" if reply else "The reply is empty.",
    )
