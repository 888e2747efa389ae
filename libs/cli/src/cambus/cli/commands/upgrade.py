"""`cambusctl upgrade`: new firmware for one device or a thousand."""

import asyncio
from typing import Annotated, Final

import typer
from rich.console import Group as Together
from rich.live import Live
from rich.text import Text

from cambus.bus.connection import Bus
from cambus.bus.objects import ObjectStore
from cambus.cli.failures import FAILED, REFUSED, CliError
from cambus.cli.formatting import ago, clean, local, plural, size
from cambus.cli.groups import Group
from cambus.cli.invocation import Cli
from cambus.cli.output import table
from cambus.cli.parameters import Watch, Yes
from cambus.cli.requests import call, made
from cambus.schemas.assets import OBJECTS_FIRMWARE
from cambus.schemas.commands import upgrade_manager
from cambus.schemas.commands.upgrade_manager import CampaignStatus
from cambus.schemas.state.upgrades import CampaignState, FirmwareRef, UpgradeAttempt
from cambus.schemas.upgrades import UpgradeState

app = typer.Typer(add_completion=False, cls=Group, help="Upgrade devices, one or a thousand.")

LOOK_S: Final = 1.0
STYLES: Final = {
    UpgradeState.SUCCEEDED: "green",
    UpgradeState.FAILED: "bold red",
    UpgradeState.NOT_BACK: "bold red",
    UpgradeState.UNKNOWN: "bold red",
    UpgradeState.UNCHANGED: "bold red",
    UpgradeState.QUEUED: "dim",
    UpgradeState.SKIPPED: "dim",
    UpgradeState.CANCELLED: "dim",
}
BAD: Final = frozenset(
    {UpgradeState.FAILED, UpgradeState.UNCHANGED, UpgradeState.NOT_BACK, UpgradeState.UNKNOWN}
)

Campaign = Annotated[str, typer.Argument(metavar="CAMPAIGN", help="Its name.", show_default=False)]


@app.command()
def start(
    context: typer.Context,
    devices: Annotated[
        list[str], typer.Argument(metavar="DEVICE...", help="The devices, in this order.", show_default=False)
    ],
    *,
    firmware: Annotated[str, typer.Option(metavar="IMAGE", help="The image, of `cambusctl firmware list`.")],
    version: Annotated[
        str | None, typer.Option(help="The version devices must report afterwards.", show_default="any other")
    ] = None,
    concurrency: Annotated[int, typer.Option(min=1, max=1000, help="So many devices at a time.")] = 1,
    max_failures: Annotated[
        int | None, typer.Option(min=1, help="Begin no more after so many failed.", show_default="no bound")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Though the image names other hardware.")] = False,
    watch: Watch = False,
    yes: Yes = False,
) -> None:
    """Send a firmware image to devices.

    The image goes out at most once to each device. Devices restart, and a wrong image may ruin them: try one
    first.
    """
    cli = Cli.of(context)
    request = made(
        upgrade_manager.CampaignStartRequest,
        firmware=made(FirmwareRef, object=firmware, version=version),
        devices=devices,
        concurrency=concurrency,
        force=force,
        max_failures=max_failures,
        confirm=True,
    )

    async def work(bus: Bus) -> int | None:
        image = await ObjectStore(bus, OBJECTS_FIRMWARE).info(firmware)
        if image is None:
            raise CliError(
                f"there is no image {firmware}",
                hint="cambusctl firmware list; cambusctl firmware put FILE",
                exit_code=REFUSED,
                code=404,
                reason="no-such-image",
            )
        cli.confirm(
            f"Send {firmware} ({size(image.bytes)}) to {plural(len(devices), 'device')}: {_some(devices)}? They "
            "restart, and a wrong image may ruin them.",
            yes=yes,
        )
        begun = await call(cli, bus, upgrade_manager.UPGRADE_START, request)
        if watch:
            return await _watch(cli, bus, begun.campaign)
        if cli.json:
            cli.out.document(begun)
        else:
            cli.out.line(f"campaign {begun.campaign}")
            cli.out.line(f"  cambusctl upgrade status {begun.campaign} --watch", "dim")
        return None

    cli.run(work)


@app.command()
def status(
    context: typer.Context,
    campaign: Annotated[
        str | None, typer.Argument(metavar="CAMPAIGN", help="One of them; all without.", show_default=False)
    ] = None,
    *,
    watch: Watch = False,
) -> None:
    """Show the latest campaigns, or one device by device.

    --watch ends when the campaign does, with exit code 1 if a device failed.
    """
    cli = Cli.of(context)

    async def work(bus: Bus) -> int | None:
        if campaign is None:
            request = upgrade_manager.CampaignStatusRequest()
            _list(cli, (await call(cli, bus, upgrade_manager.UPGRADE_STATUS, request)).campaigns)
            return None
        if watch:
            return await _watch(cli, bus, campaign)
        found = await _status(cli, bus, campaign)
        if cli.json:
            cli.out.document(found)
        else:
            cli.out.show(_picture(found))
        return None

    cli.run(work)


@app.command()
def cancel(context: typer.Context, campaign: Campaign, *, yes: Yes = False) -> None:
    """Begin no more devices, and end those whose image is not wholly sent."""
    cli = Cli.of(context)

    async def work(bus: Bus) -> None:
        cli.confirm(f"Cancel campaign {campaign}?", yes=yes)
        await call(
            cli,
            bus,
            upgrade_manager.UPGRADE_CANCEL,
            made(upgrade_manager.CampaignCancelRequest, campaign=campaign),
        )
        if cli.json:
            cli.out.document({"cancelled": campaign})
        else:
            cli.out.line(f"cancelled {campaign}; devices that have their whole image go on")

    cli.run(work)


async def _status(cli: Cli, bus: Bus, campaign: str) -> CampaignStatus:
    request = made(upgrade_manager.CampaignStatusRequest, campaign=campaign)
    return (await call(cli, bus, upgrade_manager.UPGRADE_STATUS, request)).campaigns[0]


async def _watch(cli: Cli, bus: Bus, campaign: str) -> int:
    """Show a campaign until it is over; the exit code says whether a device failed."""
    on_screen = cli.out.console.is_terminal and not cli.json
    screen = Live(console=cli.out.console, auto_refresh=False)
    known: dict[str, UpgradeAttempt] = {}
    found = await _status(cli, bus, campaign)
    if on_screen:
        screen.start()
    try:
        while True:
            if on_screen:
                screen.update(_picture(found), refresh=True)
            else:
                _tell(cli, found, known)
            if found.campaign.finished_at is not None:
                break
            await asyncio.sleep(LOOK_S)
            found = await _status(cli, bus, campaign)
    finally:
        screen.stop()
    return FAILED if any(attempt.state in BAD for attempt in found.attempts) else 0


def _tell(cli: Cli, found: CampaignStatus, known: dict[str, UpgradeAttempt]) -> None:
    """A line for each device that went on."""
    for attempt in found.attempts:
        before = known.get(attempt.device)
        known[attempt.device] = attempt
        if before is not None and (before.state, before.percent) == (attempt.state, attempt.percent):
            continue
        if cli.json:
            cli.out.record(attempt)
        else:
            percent = "" if attempt.percent is None else f" {attempt.percent:.0f} %"
            cli.out.line(f"{attempt.device}  {attempt.state}{percent}  {clean(attempt.text)}".rstrip())


def _list(cli: Cli, campaigns: list[CampaignStatus]) -> None:
    if cli.json:
        cli.out.document(campaigns)
        return
    cli.out.table(
        ("campaign", "state", "image", "begun", "devices"),
        (
            (
                each.campaign.id,
                each.campaign.state,
                each.campaign.firmware.object,
                local(each.campaign.created_at),
                _counts(each),
            )
            for each in campaigns
        ),
        empty="no campaigns yet: cambusctl upgrade start --firmware IMAGE DEVICE",
    )


def _picture(found: CampaignStatus) -> Together:
    campaign = found.campaign
    head = Text.assemble(
        (campaign.id, "bold"),
        f"  {campaign.firmware.object}  ",
        (campaign.state, "green" if campaign.state is CampaignState.FINISHED else "yellow"),
        f"  {_counts(found)}  begun {ago(campaign.created_at)} ago",
    )
    note = [Text(clean(campaign.note), "yellow")] if campaign.note else []
    rows = table(("device", "state", "", "from", "to", "why"), [_row(each) for each in found.attempts])
    return Together(head, *note, rows)


def _row(attempt: UpgradeAttempt) -> list[str | Text]:
    native = f" (device code {attempt.device_code})" if attempt.device_code and attempt.reason else ""
    return [
        attempt.device,
        Text(attempt.state, STYLES.get(attempt.state, "yellow")),
        "" if attempt.percent is None or attempt.state.final else f"{attempt.percent:.0f} %",
        clean(attempt.version_before),
        clean(attempt.version_after or ""),
        clean(f"{attempt.text or attempt.reason}{native}"),
    ]


def _counts(found: CampaignStatus) -> str:
    return ", ".join(f"{count} {state}" for state, count in found.counts.items() if count)


def _some(names: list[str]) -> str:
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
