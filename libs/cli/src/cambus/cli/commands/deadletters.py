"""`cambusctl deadletters`: what a service gave up on."""

from collections.abc import Awaitable, Callable
from typing import Annotated, TypeVar

import typer

from cambus.bus.dead_letters import KeptLetter, dead_letter, dead_letters, drop, opened, retry
from cambus.cli.failures import FAILED, CliError, UsageError
from cambus.cli.formatting import ago, clean, local, plural
from cambus.cli.groups import Group
from cambus.cli.invocation import Cli
from cambus.cli.parameters import Yes
from cambus.client.connection import Connection
from cambus.schemas.catalog import EVENTS
from cambus.schemas.codec import JSON, MSGPACK, decode, encode
from cambus.schemas.errors import BadRequest, CambusError
from cambus.schemas.state.dead_letters import DeadLetter
from cambus.schemas.subjects import parse_event

app = typer.Typer(
    add_completion=False, cls=Group, help="What a service gave up on: look at it, and have it tried again."
)

T = TypeVar("T")

Numbers = Annotated[
    list[int] | None,
    typer.Argument(metavar="NUMBER…", min=1, help="As `list` shows them.", show_default=False),
]
Consumer = Annotated[
    str | None,
    typer.Option(
        "--consumer", "-c", metavar="NAME", help="All that this one gave up on, such as alarm-router."
    ),
]


@app.command("list")
def list_letters(context: typer.Context, *, consumer: Consumer = None) -> None:
    """List the dead letters, oldest first; they are kept for thirty days."""
    cli = Cli.of(context)

    async def work(bus: Connection) -> None:
        found = [kept async for kept in dead_letters(bus, consumer)]
        if cli.json:
            cli.out.document([_document(kept.number, kept.letter) for kept in found])
            return
        cli.out.table(
            ("number", "consumer", "given up", "tries", "event", "why"),
            map(_row, found),
            empty="nobody gave up on anything",
        )

    cli.run(work)


@app.command()
def show(
    context: typer.Context,
    number: Annotated[
        int, typer.Argument(metavar="NUMBER", min=1, help="As `list` shows it.", show_default=False)
    ],
) -> None:
    """Show one dead letter with the event in it."""
    cli = Cli.of(context)

    async def work(bus: Connection) -> None:
        letter = await _found(number, dead_letter(bus, number))
        if cli.json:
            cli.out.document(_document(number, letter))
            return
        cli.out.line(f"{letter.subject}, number {letter.sequence} of the events")
        cli.out.line(
            f"given up by {letter.consumer} {local(letter.at)} after {plural(letter.deliveries, 'try', 'tries')}"
        )
        cli.out.line(f"{letter.reason}: {clean(letter.text)}")
        try:
            cli.out.line(_readable(await opened(bus, letter)))
        except BadRequest as error:
            cli.out.line(error.text)

    cli.run(work)


@app.command("retry")
def retry_letters(
    context: typer.Context, numbers: Numbers = None, *, consumer: Consumer = None, yes: Yes = False
) -> None:
    """Give dead letters to the consumer that gave up on them once more, and to no other.

    cambusctl deadletters retry --consumer alarm-router
    """
    _each(context, numbers, consumer, retry, "retried", "" if yes or numbers else "Have {} tried again?")


@app.command("drop")
def drop_letters(
    context: typer.Context, numbers: Numbers = None, *, consumer: Consumer = None, yes: Yes = False
) -> None:
    """Forget dead letters for good."""
    _each(context, numbers, consumer, drop, "dropped", "" if yes else "Forget {} for good?")


def _each(
    context: typer.Context,
    numbers: list[int] | None,
    consumer: str | None,
    step: Callable[[Connection, int], Awaitable[None]],
    done: str,
    question: str,
) -> None:
    """Do something with the letters that are named, or with all of a consumer."""
    cli = Cli.of(context)
    if bool(numbers) == bool(consumer):
        raise UsageError("name either letters by their numbers, or --consumer")

    async def work(bus: Connection) -> None:
        wanted = list(numbers or []) or [kept.number async for kept in dead_letters(bus, consumer)]
        if question and wanted:
            cli.confirm(question.format(plural(len(wanted), "dead letter")), yes=False)
        for number in wanted:
            await _found(number, step(bus, number))
        if cli.json:
            cli.out.document({done: wanted})
        else:
            cli.out.line(f"{done} {plural(len(wanted), 'dead letter')}")

    cli.run(work)


async def _found(number: int, step: Awaitable[T]) -> T:
    try:
        return await step
    except KeyError:
        raise CliError(
            f"there is no dead letter {number}",
            hint="cambusctl deadletters list",
            exit_code=FAILED,
            reason="not-found",
        ) from None


def _row(kept: KeptLetter) -> tuple[object, ...]:
    letter = kept.letter
    return (
        kept.number,
        letter.consumer,
        f"{ago(letter.at)} ago",
        letter.deliveries,
        _name(letter),
        f"{letter.reason}: {clean(letter.text)}",
    )


def _name(letter: DeadLetter) -> str:
    try:
        event = parse_event(letter.subject)
    except ValueError:
        return letter.subject
    return f"{event.noun}.{event.past} {event.device}"


def _readable(letter: DeadLetter) -> str:
    """The event in a letter as JSON; as hex where nobody can read it."""
    try:
        event = parse_event(letter.subject)
        model = EVENTS[f"{event.noun}.{event.past}"].model
        opened = decode(model, letter.body, letter.headers.get("Content-Type", MSGPACK))
        return clean(encode(opened, JSON).decode())
    except (CambusError, KeyError, ValueError):
        return letter.body[:512].hex()


def _document(number: int, letter: DeadLetter) -> dict[str, object]:
    return {"number": number, "letter": letter}
