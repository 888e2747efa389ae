"""`cambusctl upgrade`: new firmware for one device or a thousand."""

from typing import Annotated, TypeVar

import typer

from cambus.cli.commands import upgrade_reports
from cambus.cli.commands.upgrade_images import app as images
from cambus.cli.commands.upgrade_reports import watch_campaign
from cambus.cli.failures import REFUSED, CliError
from cambus.cli.groups import Group
from cambus.cli.invocation import Cli
from cambus.cli.parameters import Watch, Yes
from cambus.cli.requests import call, made
from cambus.cli.upgrade_order import takes_order
from cambus.cli.upgrade_views import plan_picture, question
from cambus.client.connection import Connection
from cambus.schemas.commands import upgrade_manager
from cambus.schemas.commands.upgrade_manager import CampaignOrder, PlanReply, PlanRequest
from cambus.schemas.model import Done, Message
from cambus.schemas.spec import CommandSpec

app = typer.Typer(add_completion=False, cls=Group, help="Upgrade devices, one or a thousand.")
app.add_typer(images, name="images")

Req = TypeVar("Req", bound=Message)

Campaign = Annotated[str, typer.Argument(metavar="CAMPAIGN", help="Its name.", show_default=False)]
Note = Annotated[str, typer.Option(help="Why, for whoever reads it later.")]


@app.command()
@takes_order
def plan(context: typer.Context, *, order: CampaignOrder) -> None:
    """Show which devices would be upgraded and which not, and why. Nothing is sent to any device."""
    cli = Cli.of(context)

    async def work(bus: Connection) -> int | None:
        found = await _plan(cli, bus, order)
        if cli.json:
            cli.out.document(found)
        else:
            cli.out.show(plan_picture(found))
        return REFUSED if found.problems else None

    cli.run(work)


@app.command()
@takes_order
def start(
    context: typer.Context, *, note: Note = "", watch: Watch = False, yes: Yes = False, order: CampaignOrder
) -> None:
    """Send a firmware image to devices.

    The image goes out at most once to each device. Devices restart, and a wrong image may ruin them: `plan` shows
    what would happen, --canary tries a few first.
    """
    cli = Cli.of(context)
    request = made(upgrade_manager.CampaignStartRequest, **_fields(order), note=note, confirm=True)

    async def work(bus: Connection) -> int | None:
        planned = await _plan(cli, bus, order)
        if planned.problems:
            raise CliError(
                planned.problems[0],
                hint="cambusctl upgrade plan … shows every device",
                exit_code=REFUSED,
                code=409,
                reason="plan-refused",
            )
        members = [each for each in planned.devices if each.wave is not None]
        cli.confirm(question(planned, members, sum(planned.waves)), yes=yes)
        begun = await call(cli, bus, upgrade_manager.UPGRADE_START, request)
        if watch:
            return await watch_campaign(cli, bus, begun.campaign)
        if cli.json:
            cli.out.document(begun)
        else:
            cli.out.line(f"campaign {begun.campaign}")
            left_out = ", ".join(f"{count} {reason}" for reason, count in begun.left_out.items())
            if left_out:
                cli.out.line(f"  left out: {left_out}", "yellow")
            cli.out.line(f"  cambusctl upgrade watch {begun.campaign}", "dim")
        return None

    cli.run(work)


@app.command()
def pause(context: typer.Context, campaign: Campaign, *, note: Note = "") -> None:
    """Begin no more devices for now; those that are under way go on."""
    request = made(upgrade_manager.CampaignPauseRequest, campaign=campaign, note=note)
    text = f"paused {campaign}; devices that were begun go on"
    _send(context, upgrade_manager.UPGRADE_PAUSE, request, {"paused": campaign}, text)


@app.command()
def resume(context: typer.Context, campaign: Campaign, *, note: Note = "") -> None:
    """Go on with a campaign that was paused."""
    request = made(upgrade_manager.CampaignResumeRequest, campaign=campaign, note=note)
    _send(context, upgrade_manager.UPGRADE_RESUME, request, {"resumed": campaign}, f"{campaign} goes on")


@app.command()
def cancel(context: typer.Context, campaign: Campaign, *, note: Note = "", yes: Yes = False) -> None:
    """Begin no more devices, and end those whose image is not wholly sent."""
    request = made(upgrade_manager.CampaignCancelRequest, campaign=campaign, note=note)
    text = f"cancelled {campaign}; devices that have their whole image go on"
    Cli.of(context).confirm(f"Cancel campaign {campaign}?", yes=yes)
    _send(context, upgrade_manager.UPGRADE_CANCEL, request, {"cancelled": campaign}, text)


@app.command()
def resolve(
    context: typer.Context,
    campaign: Campaign,
    device: Annotated[str, typer.Argument(metavar="DEVICE", help="The device.", show_default=False)],
    *,
    decision: Annotated[
        str, typer.Option("--as", metavar="succeeded|failed|retry", help="How it ended, or once more.")
    ],
    note: Note = "",
    yes: Yes = False,
) -> None:
    """Decide how the upgrade of a device ended of which nobody knows.

    Look at the device before: an image that is sent to a device that still writes may ruin it. Until this is
    decided no campaign takes the device.
    """
    request = made(
        upgrade_manager.ResolveRequest,
        campaign=campaign,
        device=device,
        decision=decision,
        note=note,
        confirm=True,
    )
    Cli.of(context).confirm(f"Is it certain that {device} is no longer writing its firmware?", yes=yes)
    document = {"resolved": device, "as": decision}
    _send(context, upgrade_manager.UPGRADE_RESOLVE, request, document, f"{device}: {decision}")


def _send(
    context: typer.Context,
    spec: CommandSpec[Req, Done],
    request: Req,
    document: dict[str, str],
    text: str,
) -> None:
    """Send a command, and say that it was done."""
    cli = Cli.of(context)

    async def work(bus: Connection) -> None:
        await call(cli, bus, spec, request)
        if cli.json:
            cli.out.document(document)
        else:
            cli.out.line(text)

    cli.run(work)


async def _plan(cli: Cli, bus: Connection, order: CampaignOrder) -> PlanReply:
    """The whole plan, page by page."""
    request = made(PlanRequest, **_fields(order))
    found = await call(cli, bus, upgrade_manager.UPGRADE_PLAN, request)
    devices = list(found.devices)
    while len(devices) < sum(found.counts.values()):
        request = request.model_copy(update={"first": len(devices)})
        page = (await call(cli, bus, upgrade_manager.UPGRADE_PLAN, request)).devices
        if not page:
            break
        devices += page
    return found.model_copy(update={"devices": devices})


def _fields(order: CampaignOrder) -> dict[str, object]:
    return {name: getattr(order, name) for name in CampaignOrder.model_fields}


upgrade_reports.add_to(app)
