"""`cambusctl nats`: the users of NATS, each with the least it needs, and what they may do."""

from pathlib import Path
from typing import Annotated

import typer

from cambus.bus.permissions import publish
from cambus.bus.users import USERS
from cambus.cli.failures import UsageError
from cambus.cli.groups import Group
from cambus.cli.invocation import Cli
from cambus.cli.nats_users import UserFolder

app = typer.Typer(add_completion=False, cls=Group, help="Make users of NATS with the least rights they need.")


User = Annotated[
    str | None, typer.Argument(metavar="[USER]", help="Only this one: a service, admin, operator or viewer.")
]


@app.command()
def users(
    context: typer.Context,
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Where to keep them.", show_default=False)],
    *,
    renew: Annotated[
        list[str] | None,
        typer.Option(metavar="USER", help="Give this one a new seed; the old one no longer lets anybody in."),
    ] = None,
    allow: Annotated[
        list[str] | None,
        typer.Option(metavar="USER=SUBJECT", help="Let a user publish one more subject, where rules say so."),
    ] = None,
) -> None:
    """Write a seed for every user, and the configuration that lets them in.

    FOLDER/<user>.nk is the secret of one: give it to that service as CAMBUS_NATS_NKEY_FILE, and to nobody else.
    FOLDER/users.conf holds no secret: `include` it in the configuration of nats-server. Seeds that are there stay,
    so run it again after an update of Cambus: permissions follow what the services need. Services that may not
    create what lives in JetStream are run with CAMBUS_CREATE_ASSETS=false, after `cambusctl nats setup`.
    """
    cli = Cli.of(context)
    wanted = dict(USERS)
    for each in allow or ():
        name, _, subject = each.partition("=")
        _known(name)
        if not subject or any(char.isspace() for char in subject):
            raise UsageError(f"--allow {each}: wanted USER=SUBJECT")
        wanted[name] |= publish(subject)
    for name in renew or ():
        _known(name)
    keep = UserFolder(folder)
    try:
        made = keep.ensure(wanted, anew=renew or ())
        file = keep.write_configuration(wanted)
    except (OSError, ValueError) as error:
        raise UsageError(f"{folder}: {error}") from None
    if cli.json:
        cli.out.document({"made": made, "users": sorted(wanted), "configuration": str(file)})
        return
    cli.out.line(f"{len(made)} new of {len(wanted)} users in {folder}; have nats-server include {file.name}")


@app.command()
def permissions(context: typer.Context, user: User = None) -> None:
    """Show what users may publish and subscribe to."""
    cli = Cli.of(context)
    if user is not None:
        _known(user)
    shown = {name: USERS[name].as_config() for name in USERS if user in {None, name}}
    if cli.json:
        cli.out.document(shown)
        return
    rows = (
        (name, what, subject)
        for name, config in shown.items()
        for what, subjects in (
            ("publish", config["publish"]["allow"]),
            ("not publish", config["publish"].get("deny", [])),
            ("subscribe", config["subscribe"]["allow"]),
        )
        for subject in subjects
    )
    cli.out.table(("user", "may", "subject"), rows)


@app.command()
def setup(context: typer.Context) -> None:
    """Create what lives in JetStream, if it is not there; log in as admin.

    How many copies and how many bytes, CAMBUS_JETSTREAM_REPLICAS and CAMBUS_JETSTREAM_BUDGET_MIB say.
    """
    from cambus.bus.assets import configurations, create_assets  # noqa: PLC0415 - the others need no NATS
    from cambus.cli.connection import settings_of  # noqa: PLC0415 - as above
    from cambus.client.connection import Connection  # noqa: PLC0415 - as above

    cli = Cli.of(context)

    settings = settings_of(cli.options)

    async def work(connection: Connection) -> None:
        await create_assets(connection, settings)
        names = [config["name"] for config in configurations(settings.jetstream_replicas)]
        if cli.json:
            cli.out.document({"assets": names})
        else:
            cli.out.line(f"{len(names)} streams, buckets and stores are there")

    cli.run(work)


def _known(name: str) -> None:
    if name not in USERS:
        raise UsageError(f"there is no user {name}", hint=f"one of {', '.join(USERS)}")
