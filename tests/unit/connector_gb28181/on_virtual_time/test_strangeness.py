"""How often what nobody understands is told (GB-072)."""

import asyncio

from cambus.connector_gb28181.strangeness import MAX_SHOWN, UNKNOWN_EVERY_S, UnknownMessages
from cambus.gb28181.manscdp.envelope import Envelope, Root, compose
from cambus.gb28181.xml import Element


class Events:
    """The events of one device."""

    def __init__(self):
        self.told = []

    async def exception(self, code, text, **detail):
        self.told.append((code, detail))


def strange(command, *content):
    return Envelope.parse(compose(Root.NOTIFY, command, 1, "34020000001320000001", content))


async def test_one_a_minute_is_told_and_the_next_says_how_many_were_not():
    events = Events()
    unknown = UnknownMessages(events)
    for number in range(100):
        await unknown.heard(strange(f"Odd{number}"))
    await asyncio.sleep(UNKNOWN_EVERY_S - 1)
    await unknown.heard(strange("TooSoon"))
    await asyncio.sleep(1)
    await unknown.heard(strange("InTime"))
    told = [(code, detail["command"], detail["left_out"]) for code, detail in events.told]
    assert told == [("unknown-message", "Odd0", 0), ("unknown-message", "InTime", 100)]


async def test_a_long_message_is_cut():
    events = Events()
    await UnknownMessages(events).heard(strange("Long", *(Element("Text", "x" * 1000) for _ in range(20))))
    ((_, detail),) = events.told
    assert len(detail["message"]) == MAX_SHOWN
