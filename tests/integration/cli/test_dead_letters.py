"""`cambusctl deadletters`: what a service gave up on."""

from datetime import UTC, datetime

import pytest

from cambus.bus.assets import ensure_assets
from cambus.schemas import headers as header
from cambus.schemas import subjects
from cambus.schemas.codec import MSGPACK, encode
from cambus.schemas.events import alarm
from cambus.schemas.ids import new_ulid
from cambus.schemas.state.dead_letters import DeadLetter


@pytest.fixture
async def letter(bus, unique):
    """Writes a dead letter of a consumer of the test's own; returns its number."""
    await ensure_assets(bus)

    async def write(text="both.0: HTTP 400", body=None, sequence=7):
        event = alarm.AlarmRaised(
            id=new_ulid(), device=unique, at=datetime.now(UTC), type="motion", severity="info", key="motion:0"
        )
        kept = DeadLetter(
            consumer=unique,
            subject=alarm.RAISED.subject(unique),
            sequence=sequence,
            deliveries=5,
            reason="refused",
            text=text,
            at=datetime.now(UTC),
            headers={header.CONTENT_TYPE: MSGPACK, header.MESSAGE_ID: event.id},
            body=encode(event, MSGPACK) if body is None else body,
        )
        stored = await bus.jetstream.publish(
            subjects.dead_letter_subject(unique),
            encode(kept, MSGPACK),
            headers={header.CONTENT_TYPE: MSGPACK},
        )
        return stored.seq, event.id

    return write


async def test_dead_letters_are_listed_shown_and_dropped(cambusctl, letter, unique):
    number, event = await letter()
    unreadable, _ = await letter(body=b"\xc1")
    listed = (await cambusctl("deadletters", "list", "--consumer", unique, "--json")).document
    assert [each["number"] for each in listed] == [number, unreadable]
    assert "refused: both.0: HTTP 400" in (await cambusctl("deadletters", "list", "-c", unique)).out
    shown = (await cambusctl("deadletters", "show", str(number))).out
    assert event in shown
    assert "c1" in (await cambusctl("deadletters", "show", str(unreadable))).out
    assert (await cambusctl("deadletters", "drop", str(number), "--yes")).out == "dropped 1 dead letter\n"
    assert (await cambusctl("deadletters", "show", str(number))).code == 1
    assert (await cambusctl("deadletters", "drop", "--consumer", unique, "--yes")).code == 0
    assert (await cambusctl("deadletters", "list", "-c", unique)).out == "nobody gave up on anything\n"


async def test_a_retry_puts_the_event_back_for_that_consumer(cambusctl, letter, unique, bus):
    number, event = await letter()
    assert (
        await cambusctl("deadletters", "retry", "--consumer", unique, "--yes")
    ).out == "retried 1 dead letter\n"
    message = await bus.js.get_last_msg("CAMBUS_EVENTS", alarm.RAISED.subject(unique))
    assert message.headers[header.RETRY_FOR] == unique
    assert event.encode() in message.data
    assert (await cambusctl("deadletters", "retry", str(number))).code == 1
    assert (await cambusctl("deadletters", "retry")).code == 2


@pytest.fixture
async def large(bus, unique):
    """Puts an event into the stream that is too large for a letter; returns its number there, and its text."""
    await ensure_assets(bus)

    async def publish(spare_bytes):
        text = "x" * (bus.max_payload - spare_bytes)
        stored = await bus.jetstream.publish(
            alarm.RAISED.subject(unique), text.encode(), headers={header.CONTENT_TYPE: MSGPACK}
        )
        return stored.seq, text

    return publish


async def test_an_event_too_large_for_a_letter_is_tried_again_out_of_the_stream(
    cambusctl, letter, large, unique, bus
):
    sequence, text = await large(1000)
    number, _ = await letter(body=b"", sequence=sequence)
    assert text[:512].encode().hex() in (await cambusctl("deadletters", "show", str(number))).out
    assert (await cambusctl("deadletters", "retry", str(number))).out == "retried 1 dead letter\n"
    message = await bus.js.get_last_msg("CAMBUS_EVENTS", alarm.RAISED.subject(unique))
    assert (message.seq > sequence, message.data) == (True, text.encode())
    assert message.headers[header.RETRY_FOR] == unique
    assert message.headers[header.CONTENT_TYPE] == MSGPACK
    assert (await cambusctl("deadletters", "list", "-c", unique)).out == "nobody gave up on anything\n"


async def test_one_that_is_in_the_stream_no_more_stays_a_letter_and_says_so(
    cambusctl, letter, large, unique, bus
):
    sequence, _ = await large(1000)
    await bus.js.delete_msg("CAMBUS_EVENTS", sequence)
    number, _ = await letter(body=b"", sequence=sequence)
    gone = "the stream of events does not hold it any more"
    assert gone in (await cambusctl("deadletters", "show", str(number))).out
    ran = await cambusctl("deadletters", "retry", str(number))
    assert ran.code == 3
    assert gone in ran.err
    assert (await cambusctl("deadletters", "list", "-c", unique)).out.count(unique) == 2


async def test_one_that_leaves_no_room_for_the_words_of_a_retry_stays_a_letter_and_says_so(
    cambusctl, letter, large, unique
):
    sequence, _ = await large(64)
    number, _ = await letter(body=b"", sequence=sequence)
    ran = await cambusctl("deadletters", "retry", str(number))
    assert ran.code == 3
    assert f"dead letter {number} can not be tried again" in ran.err
    assert str(number) in (await cambusctl("deadletters", "list", "-c", unique)).out
