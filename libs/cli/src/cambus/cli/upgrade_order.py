"""What people type to say which devices are to run which image, and how that is gone about."""

import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from cambus.cli.documents import read_messages
from cambus.cli.failures import UsageError
from cambus.cli.requests import made
from cambus.cli.sizes import parse_size
from cambus.cli.times import parse_span
from cambus.schemas.commands.upgrade_manager import CampaignOrder
from cambus.schemas.schedule import WEEKDAYS

_WAVE: Final = re.compile(r"(\d{1,5}(?:\.\d{1,3})?)(%?)", re.ASCII)
_WINDOW: Final = re.compile(r"(?:([a-z,-]+) )?(\d\d:\d\d)-(\d\d:\d\d)", re.ASCII)
_PATTERN: Final = frozenset("*?")
WHICH: Final = "Which devices"
HOW: Final = "How it goes"
LIMITS: Final = "When it stops, or waits"


def order(
    devices: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="DEVICE...", help="The devices, or patterns such as 'gate-*'.", show_default=False
        ),
    ] = None,
    *,
    firmware: Annotated[
        str | None, typer.Option(metavar="IMAGE", help="The image, of `cambusctl upgrade images list`.")
    ] = None,
    version: Annotated[
        str | None,
        typer.Option(help="The version devices must report afterwards.", show_default="what the image says"),
    ] = None,
    file: Annotated[
        Path | None,
        typer.Option(
            "--file", "-f", metavar="FILE", help="All of this as YAML or JSON; options go before it."
        ),
    ] = None,
    tag: Annotated[
        list[str] | None,
        typer.Option(help="Only devices with this tag; may be repeated.", rich_help_panel=WHICH),
    ] = None,
    protocol: Annotated[
        list[str] | None,
        typer.Option(help="Only devices of this protocol; may be repeated.", rich_help_panel=WHICH),
    ] = None,
    model: Annotated[
        list[str] | None,
        typer.Option(metavar="GLOB", help="Only of this model; may be repeated.", rich_help_panel=WHICH),
    ] = None,
    running: Annotated[
        list[str] | None,
        typer.Option(
            metavar="GLOB",
            help="Only those that run this version; may be repeated.",
            rich_help_panel=WHICH,
        ),
    ] = None,
    without: Annotated[
        list[str] | None,
        typer.Option(metavar="GLOB", help="None of these; may be repeated.", rich_help_panel=WHICH),
    ] = None,
    all_devices: Annotated[
        bool, typer.Option("--all", help="Every device the image is for.", rich_help_panel=WHICH)
    ] = False,
    concurrency: Annotated[
        int | None,
        typer.Option(
            min=1, max=1000, help="So many devices at a time.", show_default="1", rich_help_panel=HOW
        ),
    ] = None,
    limit: Annotated[
        list[str] | None,
        typer.Option(
            metavar="TAG=N",
            help="At most N at a time of those that share a tag, such as 'site:*=2'; may be repeated.",
            rich_help_panel=HOW,
        ),
    ] = None,
    bandwidth: Annotated[
        str | None,
        typer.Option(
            metavar="SIZE", help="Bytes a second over all its transfers, such as 4M.", rich_help_panel=HOW
        ),
    ] = None,
    canary: Annotated[
        str | None,
        typer.Option(metavar="N|N%", help="So many first, all of which must succeed.", rich_help_panel=HOW),
    ] = None,
    soak: Annotated[
        str | None,
        typer.Option(
            metavar="SPAN", help="With --canary: watch them for so long, such as 1h.", rich_help_panel=HOW
        ),
    ] = None,
    wave: Annotated[
        list[str] | None,
        typer.Option(
            metavar="N|N%",
            help="Then so many at once; may be repeated, the last one goes on.",
            rich_help_panel=HOW,
        ),
    ] = None,
    retries: Annotated[
        int | None,
        typer.Option(
            min=0, max=5, help="Tries after a transfer that broke off.", show_default="0", rich_help_panel=HOW
        ),
    ] = None,
    stable: Annotated[
        str | None,
        typer.Option(
            metavar="SPAN", help="They must stay online for so long afterwards.", rich_help_panel=HOW
        ),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Though the image is for other devices.", rich_help_panel=HOW)
    ] = False,
    window: Annotated[
        list[str] | None,
        typer.Option(
            metavar="'DAYS HH:MM-HH:MM'",
            help="Begin devices only then, such as 'sat,sun 01:00-05:00' or 'mon-fri 22:00-04:00'; may be repeated.",
            rich_help_panel=LIMITS,
        ),
    ] = None,
    time_zone: Annotated[
        str | None,
        typer.Option(
            metavar="ZONE",
            help="With --window: such as Europe/Berlin.",
            show_default="UTC",
            rich_help_panel=LIMITS,
        ),
    ] = None,
    window_margin: Annotated[
        str | None,
        typer.Option(metavar="SPAN", help="Begin none so shortly before its end.", rich_help_panel=LIMITS),
    ] = None,
    max_failures: Annotated[
        int | None,
        typer.Option(
            min=1, help="Stop once so many failed.", show_default="no bound", rich_help_panel=LIMITS
        ),
    ] = None,
    max_failure_percent: Annotated[
        float | None,
        typer.Option(
            min=0.1,
            max=100,
            help="Stop once so many percent failed.",
            show_default="no bound",
            rich_help_panel=LIMITS,
        ),
    ] = None,
) -> CampaignOrder:
    """Return the order that was typed.

    Raises:
        UsageError: it makes none.
    """
    fields: dict[str, Any] = {}
    if file is not None:
        read = read_messages(file, CampaignOrder, "")
        if len(read) != 1:
            raise UsageError(f"{file}: wanted one order, got {len(read)}")
        fields = read[0].model_dump(exclude_unset=True)
    if firmware is not None:
        fields["firmware"] = {"object": firmware, "version": version}
    elif "firmware" not in fields:
        raise UsageError("--firmware is missing", hint="cambusctl upgrade images list")
    fields |= _chosen(devices or [], tag, protocol, model, running, without, everything=all_devices)
    fields |= _given(
        concurrency=concurrency,
        retries=retries,
        max_failures=max_failures,
        max_failure_percent=max_failure_percent,
        force=force or None,
        limits=[_limit(each) for each in limit] if limit else None,
        max_bytes_per_s=parse_size(bandwidth) if bandwidth else None,
        canary=None if canary is None else _wave(canary) | _proof(soak),
        waves=[_wave(each) for each in wave] if wave else None,
        stable_s=_seconds(stable),
        windows=_windows(window, time_zone),
        window_margin_s=_seconds(window_margin),
    )
    if window_margin is not None and "windows" not in fields:
        raise UsageError("--window-margin goes with --window")
    if soak is not None and canary is None:
        raise UsageError("--soak goes with --canary")
    if "selection" not in fields and not fields.get("devices"):
        raise UsageError("which devices? name them, give --tag, --model …, or --all")
    return made(CampaignOrder, **fields)


def takes_order(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command all the arguments and options of `order`; it gets what they make as `order`."""
    ours, theirs = inspect.signature(order), inspect.signature(command)

    @wraps(command)
    def taking(**arguments: Any) -> None:
        asked = {name: arguments.pop(name) for name in ours.parameters}
        command(**arguments, order=order(asked.pop("devices"), **asked))

    own = [each for name, each in theirs.parameters.items() if name != "order"]
    context, rest = own[0], own[1:]
    parameters = [context, *ours.parameters.values(), *rest]
    parameters = [each.replace(kind=inspect.Parameter.KEYWORD_ONLY) for each in parameters]
    taking.__signature__ = theirs.replace(parameters=parameters)  # type: ignore[attr-defined]  # read by typer
    taking.__annotations__ = {each.name: each.annotation for each in parameters}
    return taking


def _given(**fields: Any) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}


def _chosen(
    names: list[str],
    tags: list[str] | None,
    protocols: list[str] | None,
    models: list[str] | None,
    versions: list[str] | None,
    without: list[str] | None,
    *,
    everything: bool,
) -> dict[str, Any]:
    """Names alone are taken one by one; with a pattern or a condition everything is a selection."""
    conditions = _given(models=models, versions=versions, without=without)
    match = _given(tags=tags, protocols=protocols)
    if not (conditions or match or everything or any(_PATTERN & set(name) for name in names)):
        return {"devices": names} if names else {}
    return {"selection": {"match": {"devices": names or ["*"]} | match} | conditions, "devices": []}


def _wave(text: str) -> dict[str, Any]:
    found = _WAVE.fullmatch(text.strip())
    if found is None or (not found[2] and "." in found[1]):
        raise UsageError(f"{text!r} is no number of devices: wanted 5 or 10%")
    return {"percent": float(found[1])} if found[2] else {"devices": int(found[1])}


def _proof(soak: str | None) -> dict[str, Any]:
    return {"required_percent": 100.0, "soak_s": _seconds(soak) or 0}


def _limit(text: str) -> dict[str, Any]:
    tag, _, count = text.rpartition("=")
    if not tag or not count.isascii() or not count.isdigit():
        raise UsageError(f"{text!r} is no limit: wanted TAG=N, such as 'site:*=2'")
    return {"tag": tag, "concurrency": int(count)}


def _seconds(text: str | None) -> int | None:
    return None if text is None else int(parse_span(text).total_seconds())


def _windows(texts: list[str] | None, time_zone: str | None) -> Mapping[str, Any] | None:
    if not texts:
        if time_zone is not None:
            raise UsageError("--time-zone goes with --window")
        return None
    return {"time_zone": time_zone or "UTC", "spans": [_span(each) for each in texts]}


def _span(text: str) -> dict[str, Any]:
    found = _WINDOW.fullmatch(text.strip().lower())
    if found is None:
        raise UsageError(f"{text!r} is no window: wanted 'sat,sun 01:00-05:00' or '01:00-05:00'")
    days = [day for part in (found[1] or "mon-sun").split(",") for day in _days(part)]
    return {"days": list(dict.fromkeys(days)), "start": found[2], "end": found[3]}


def _days(text: str) -> Sequence[str]:
    first, dash, last = text.partition("-")
    week: list[str] = list(WEEKDAYS)
    try:
        start, stop = week.index(first), week.index(last if dash else first)
    except ValueError:
        raise UsageError(f"{text!r} is no day: wanted {', '.join(WEEKDAYS)} or mon-fri") from None
    return week[start : stop + 1] if start <= stop else week[start:] + week[: stop + 1]
