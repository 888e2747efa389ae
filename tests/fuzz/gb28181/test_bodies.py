"""Damaged bodies: a value or a documented error, whatever is done to the bytes of real ones (GB-068 to GB-074)."""

import random
from pathlib import Path

import pytest

from cambus.gb28181.catalog_changes import apply
from cambus.gb28181.catalog_tree import CatalogTree
from cambus.gb28181.errors import ProtocolError
from cambus.gb28181.manscdp import (
    alarms,
    config,
    control,
    notices,
    positions,
    presence,
    ptz_state,
    records,
    storage,
)
from cambus.gb28181.manscdp.catalog import CatalogPart, changes
from cambus.gb28181.manscdp.envelope import Envelope
from cambus.gb28181.manscdp.layout import undeclared, unreadable
from cambus.gb28181.ptz import PtzCommand
from cambus.sip.framing import read_datagram

EXCHANGE = Path(__file__).parents[2] / "golden" / "sip" / "exchange"
BODIES = [
    body
    for path in sorted(EXCHANGE.glob("*.sip"))
    if (body := read_datagram(path.read_bytes()).body).startswith(b"<?xml")
]
TYPES = [
    *(alarms.AlarmNotice, control.DeviceControl, notices.SnapshotsFinished, notices.UpgradeResult),
    *(
        presence.DeviceInfo,
        presence.DeviceStatus,
        presence.Keepalive,
        records.RecordPart,
        records.RecordQuery,
    ),
    *(
        ptz_state.PresetList,
        ptz_state.CruiseAnswer,
        ptz_state.PtzPosition,
        storage.CardList,
        positions.PositionNotice,
    ),
]
PIECES = [
    b"<",
    b">",
    b"</",
    b"&",
    b"&#0;",
    b"<![CDATA[",
    b"]]>",
    b"<!--",
    b"<?",
    b"\x00",
    b"\xff\xfe",
    b"<Item>",
    b"</Item>",
    b"\xef\xbb\xbf",
]


def damaged(chance):
    """A body with a few bytes cut, doubled, overwritten, moved, or with something put into it."""
    body = bytearray(chance.choice(BODIES))
    for _ in range(chance.randint(1, 6)):
        at, length = chance.randrange(len(body) + 1), chance.randint(1, 40)
        what = chance.randrange(5)
        if what == 0:
            del body[at : at + length]
        elif what == 1:
            body[at:at] = body[at : at + length]
        elif what == 2:
            body[at : at + length] = chance.randbytes(length)
        elif what == 3:
            body[at:at] = chance.choice(PIECES)
        else:
            other = chance.choice(BODIES)
            body[at:] = other[chance.randrange(len(other)) :]
    return bytes(body)


def read(body):
    """Everything a platform reads of a body."""
    envelope = Envelope.parse(body)
    for type_ in TYPES:
        type_.parse(envelope)
        undeclared(type_, envelope.element)
        unreadable(type_, envelope.element)
    part = CatalogPart.parse(envelope)
    items = {}
    apply(items, changes(envelope))
    CatalogTree.of("34020000001180000002", items | {each.code: each for each in part.items}).channels()
    config.ConfigAnswer.parse(envelope).values()
    positions.positions(envelope)
    ordered = control.DeviceControl.parse(envelope)
    if ordered.ptz is not None:
        PtzCommand.parse(ordered.ptz)


def storm(count, seed):
    chance, read_well = random.Random(seed), 0
    for _ in range(count):
        try:
            read(damaged(chance))
        except ProtocolError:
            continue
        read_well += 1
    return read_well


def test_thousands_of_damaged_bodies_are_read_or_refused():
    assert 0 < storm(2_000, seed=1) < 2_000


@pytest.mark.slow
def test_a_hundred_thousand_damaged_bodies_are_read_or_refused():
    assert 0 < storm(100_000, seed=2) < 100_000
