"""What consumers gave up on: reading it, having it tried again, and dropping it."""

import base64
import binascii
from collections.abc import AsyncIterator
from dataclasses import dataclass

from cambus.client.connection import Connection
from cambus.client.errors import BusError, JetStreamError, PayloadTooLarge
from cambus.client.ordered import ALL, OrderedReader, from_sequence
from cambus.schemas import assets, subjects
from cambus.schemas import headers as header
from cambus.schemas.codec import MSGPACK, decode
from cambus.schemas.errors import BadRequest, CambusError
from cambus.schemas.state.dead_letters import DeadLetter

NO_MESSAGE = 10037  # JSNoMessageFoundErr of nats-server


@dataclass(frozen=True, slots=True)
class KeptLetter:
    """A dead letter, and its number in their stream."""

    number: int
    letter: DeadLetter


async def dead_letters(bus: Connection, consumer: str | None = None) -> AsyncIterator[KeptLetter]:
    """Yield the dead letters there are, oldest first; those nobody can read are left out.

    Args:
        bus: the connection.
        consumer: only what this one gave up on.

    Raises:
        AssetNotFound: there is no stream of them.
        BusError: NATS refuses, or the connection is lost.
    """
    wanted = subjects.DEAD_LETTERS if consumer is None else subjects.dead_letter_subject(consumer)
    async with OrderedReader(bus, assets.STREAM_DEAD_LETTERS, [wanted], start=ALL) as reader:
        left = reader.initial_pending
        while left:
            stored = await anext(reader)
            left = stored.pending
            try:
                yield KeptLetter(stored.seq, decode(DeadLetter, stored.data, MSGPACK))
            except CambusError:
                continue


async def dead_letter(bus: Connection, number: int) -> DeadLetter:
    """One dead letter.

    Raises:
        KeyError: there is none of that number, or none any more.
        BadRequest: nobody can read it.
        BusError: NATS refuses or does not answer.
    """
    try:
        answer = await bus.jetstream.call(f"STREAM.MSG.GET.{assets.STREAM_DEAD_LETTERS}", {"seq": number})
        data = base64.b64decode(answer["message"]["data"], validate=True)
    except JetStreamError as error:
        if error.err_code == NO_MESSAGE:
            raise KeyError(number) from None
        raise
    except (KeyError, TypeError, binascii.Error):
        raise BadRequest(f"dead letter {number} cannot be read") from None
    return decode(DeadLetter, data, MSGPACK)


async def opened(bus: Connection, letter: DeadLetter) -> DeadLetter:
    """A letter with the event in it: one that was too large for a letter is fetched from the stream of events.

    Raises:
        BadRequest: it is not there any more.
        BusError: NATS refuses, or the connection is lost.
    """
    if letter.body:
        return letter
    start = from_sequence(letter.sequence)
    async with OrderedReader(bus, assets.STREAM_EVENTS, [letter.subject], start=start) as reader:
        stored = await anext(reader) if reader.initial_pending else None
    if stored is None or stored.seq != letter.sequence:
        raise BadRequest(
            f"event {letter.sequence} was too large for a letter, and the stream of events does not hold it any more",
            reason="event-gone",
        )
    return letter.model_copy(update={"body": stored.data, "headers": stored.headers})


async def retry(bus: Connection, number: int) -> None:
    """Give a dead letter to the consumer that gave up on it, and to no other; then it is a dead letter no more.

    It is in the stream of events again, with a header that the other consumers go by. Should it be given up once
    more, that is a new dead letter. Where we end between the two steps it is both: consumers know it by its id.

    Raises:
        KeyError, BadRequest, BusError: as `dead_letter` and `opened`; BadRequest also: the event fills a message so
            far that the words of a retry do not fit beside it.
    """
    letter = await opened(bus, await dead_letter(bus, number))
    headers = {name: value for name, value in letter.headers.items() if not name.startswith("Nats-")}
    headers[header.MESSAGE_ID] = f"retry:{letter.consumer}:{letter.sequence}:{number}"
    headers[header.RETRY_FOR] = letter.consumer
    try:
        await bus.jetstream.publish(letter.subject, letter.body, headers=headers)
    except PayloadTooLarge as error:
        raise BadRequest(
            f"dead letter {number} can not be tried again: {error}", reason="too-large"
        ) from None
    await drop(bus, number)


async def drop(bus: Connection, number: int) -> None:
    """Forget a dead letter.

    Raises:
        KeyError: there is none of that number, or none any more.
        BusError: NATS refuses or does not answer.
    """
    operation = f"STREAM.MSG.DELETE.{assets.STREAM_DEAD_LETTERS}"
    try:
        await bus.jetstream.call(operation, {"seq": number, "no_erase": True})
    except JetStreamError as error:
        if error.err_code in {NO_MESSAGE, 10043, 10057}:
            raise KeyError(number) from None
        raise BusError(str(error)) from None
