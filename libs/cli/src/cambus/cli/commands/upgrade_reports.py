"""`cambusctl upgrade list, watch, report, history`: how campaigns are, and how they went."""

import asyncio
from typing import Annotated, Final

import typer
from rich.live import Live

from cambus.cli.failures import FAILED, UsageError
from cambus.cli.formatting import clean
from cambus.cli.invocation import Cli
from cambus.cli.parameters import Device
from cambus.cli.requests import call, made
from cambus.cli.upgrade_views import (
    BAD,
    campaign_picture,
    campaign_rows,
    history_rows,
    report_csv,
    report_picture,
)
from cambus.client.connection import Connection
from cambus.schemas.commands import upgrade_manager
from cambus.schemas.commands.upgrade_manager import CampaignStatus
from cambus.schemas.errors import DeadlineExceeded, Offline
from cambus.schemas.state.upgrades import UpgradeAttempt

LOOK_S: Final = 1.0

Campaign = Annotated[str, typer.Argument(metavar="CAMPAIGN", help="Its name.", show_default=False)]


def add_to(app: typer.Typer) -> None:
    """Add these commands to a group."""
    app.command("list")(list_campaigns)
    app.command()(watch)
    app.command()(report)
    app.command()(history)


def list_campaigns(
    context: typer.Context,
    *,
    limit: Annotated[int, typer.Option(min=1, max=100, help="At most so many.")] = 20,
) -> None:
    """List the latest campaigns."""
    cli = Cli.of(context)

    async def work(bus: Connection) -> None:
        request = made(upgrade_manager.CampaignStatusRequest, limit=limit)
        campaigns = (await call(cli, bus, upgrade_manager.UPGRADE_STATUS, request)).campaigns
        if cli.json:
            cli.out.document(campaigns)
            return
        columns = ("campaign", "state", "image", "begun", "devices", "")
        empty = "no campaigns yet: cambusctl upgrade start --firmware IMAGE DEVICE"
        cli.out.table(columns, campaign_rows(campaigns), empty=empty)

    cli.run(work)


def watch(context: typer.Context, campaign: Campaign) -> None:
    """Show a campaign as it goes on, until it is over; exit code 1 if a device failed."""
    cli = Cli.of(context)
    cli.run(lambda bus: watch_campaign(cli, bus, campaign))


def report(
    context: typer.Context,
    campaign: Campaign,
    *,
    as_csv: Annotated[bool, typer.Option("--csv", help="The devices as CSV, for a spreadsheet.")] = False,
) -> None:
    """Show what was ordered, what happened, and what became of each device."""
    cli = Cli.of(context)
    if as_csv and cli.json:
        raise UsageError("either --csv or --json")

    async def work(bus: Connection) -> None:
        found = await _status(cli, bus, campaign)
        if cli.json:
            cli.out.document(found)
        elif as_csv:
            cli.out.console.file.write(report_csv(found))
        else:
            cli.out.show(report_picture(found))

    cli.run(work)


def history(context: typer.Context, device: Device) -> None:
    """Show the upgrades a device went through."""
    cli = Cli.of(context)

    async def work(bus: Connection) -> None:
        request = made(upgrade_manager.HistoryRequest, device=device)
        found = await call(cli, bus, upgrade_manager.UPGRADE_HISTORY, request)
        if cli.json:
            cli.out.document(found)
            return
        columns = ("campaign", "image", "state", "from", "to", "begun", "why")
        cli.out.table(columns, history_rows(found.upgrades), empty=f"{device} was never upgraded")

    cli.run(work)


async def _status(cli: Cli, bus: Connection, campaign: str) -> CampaignStatus:
    """A campaign with all of its devices, page by page."""
    request = made(upgrade_manager.CampaignStatusRequest, campaign=campaign)
    (found,) = (await call(cli, bus, upgrade_manager.UPGRADE_STATUS, request)).campaigns
    attempts = list(found.attempts)
    while len(attempts) < len(found.campaign.devices):
        request = request.model_copy(update={"first": len(attempts)})
        (page,) = (await call(cli, bus, upgrade_manager.UPGRADE_STATUS, request)).campaigns
        if not page.attempts:
            break
        attempts += page.attempts
    return found.model_copy(update={"attempts": attempts})


async def _next_status(cli: Cli, bus: Connection, campaign: str) -> CampaignStatus:
    """A campaign a moment later; while nobody answers it goes on all the same, and so does whoever watches."""
    told = False
    while True:
        await asyncio.sleep(LOOK_S)
        try:
            return await _status(cli, bus, campaign)
        except (Offline, DeadlineExceeded) as error:
            if not told:
                cli.out.note(f"waiting for the upgrade manager: {error.text}")
            told = True


async def watch_campaign(cli: Cli, bus: Connection, campaign: str) -> int:
    """Show a campaign until it is over; the exit code says whether a device failed."""
    on_screen = cli.out.console.is_terminal and not cli.json
    screen = Live(console=cli.out.console, auto_refresh=False)
    known: dict[str, UpgradeAttempt] = {}
    said = ""
    found = await _status(cli, bus, campaign)
    if on_screen:
        screen.start()
    try:
        while True:
            if on_screen:
                screen.update(campaign_picture(found), refresh=True)
            else:
                said = _tell(cli, found, known, said)
            if found.campaign.finished_at is not None:
                break
            found = await _next_status(cli, bus, campaign)
    finally:
        screen.stop()
    return FAILED if any(attempt.state in BAD for attempt in found.attempts) else 0


def _tell(cli: Cli, found: CampaignStatus, known: dict[str, UpgradeAttempt], said: str) -> str:
    """A line for each device that went on, and for what the campaign waits for; returns that."""
    for attempt in found.attempts:
        before = known.get(attempt.device)
        known[attempt.device] = attempt
        if before is not None and (before.state, before.percent) == (attempt.state, attempt.percent):
            continue
        if cli.json:
            cli.out.record(attempt)
        else:
            known_percent = None if attempt.state.final else attempt.percent
            percent = "" if known_percent is None else f" {known_percent:.0f} %"
            cli.out.line(f"{attempt.device}  {attempt.state}{percent}  {clean(attempt.text)}".rstrip())
    now = found.waits_for or found.campaign.note
    if now and now != said and not cli.json:
        cli.out.line(f"{found.campaign.state}: {clean(now)}", "yellow")
    return now
