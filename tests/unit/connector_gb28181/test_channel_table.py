"""What the bus is shown of a catalog, and what changes of it (GB-100, GB-105, GB-109, GB-110, GB-112)."""

import pytest

from cambus.connector_gb28181.channels import ChannelTable
from cambus.gb28181.manscdp.catalog import CatalogChange, CatalogEvent, CatalogItem
from cambus.gb28181.xml import parse

NVR = "34020000001180000002"


def code(number):
    return f"3402000000131{number:07d}"


def items(*numbers, **fields):
    return {code(n): CatalogItem(code(n), f"camera {n}", (NVR,), **fields) for n in numbers}


def table(*numbers):
    made = ChannelTable(NVR, {}, ())
    made.synced(items(*numbers), complete=True)
    return made


def shown(made):
    return {info.channel: (info.name, info.online) for info in made.channels}


def told(number, event, **fields):
    return [CatalogChange(event, CatalogItem(code(number), **fields))]


def test_a_part_of_a_catalog_takes_no_channel_away_and_adds_what_is_new():
    made = table(1, 2, 3)
    made.synced(items(2, 7), complete=False)
    assert [info.native_id for info in made.channels] == [code(n) for n in (1, 2, 3, 7)]
    made.synced({}, complete=False)
    assert len(made.channels) == 4


def test_only_a_whole_catalog_takes_channels_away_and_their_numbers_stay_theirs():
    made = table(1, 2, 3)
    made.synced(items(1, 3), complete=True)
    assert [(info.channel, info.native_id) for info in made.channels] == [(0, code(1)), (2, code(3))]
    made.synced(items(1, 2, 3, 4), complete=True)
    assert [(info.channel, info.native_id) for info in made.channels] == [(n, code(n + 1)) for n in range(4)]


def test_what_was_known_before_a_restart_stays_until_a_whole_catalog_says_otherwise():
    before = table(1, 2)
    made = ChannelTable(NVR, before.numbers, before.channels)
    assert shown(made) == {0: ("camera 1", True), 1: ("camera 2", True)}
    made.synced(items(2), complete=False)
    assert len(made.channels) == 2
    made.synced(items(2), complete=True)
    assert [info.channel for info in made.channels] == [1]


@pytest.mark.parametrize(
    ("status", "online", "native"),
    [
        *((text, True, {"status": text}) for text in ("ON", "on", "OK", "ONLINE", "1", "true")),
        *((text, False, {"status": text}) for text in ("OFF", "OFFLINE", "0", "VLOST", "whatever")),
        (None, True, {}),
    ],
)
def test_a_status_in_any_words_is_shown_as_one_of_two_and_as_it_was_written(status, online, native):
    element = f"<Status>{status}</Status>" if status is not None else ""
    item = CatalogItem.parse(parse(f"<Item><DeviceID>{code(1)}</DeviceID>{element}</Item>".encode()))
    made = ChannelTable(NVR, {}, ())
    made.synced({item.code: item}, complete=True)
    (info,) = made.channels
    assert (info.online, info.native) == (online, native)


def test_no_password_of_a_catalog_is_shown():
    text = "<Password>s3cret</Password><Info><Password>s3cret</Password><PTZType>1</PTZType></Info>"
    item = CatalogItem.parse(
        parse(f"<Item><DeviceID>{code(1)}</DeviceID><Name>n</Name>{text}</Item>".encode())
    )
    made = ChannelTable(NVR, {}, ())
    made.synced({item.code: item}, complete=True)
    assert "s3cret" not in repr(made.channels) + repr(vars(made))


@pytest.mark.parametrize(
    ("event", "online"),
    [
        (CatalogEvent.ON, True),
        (CatalogEvent.OFF, False),
        (CatalogEvent.VLOST, False),
        (CatalogEvent.DEFECT, False),
    ],
)
def test_a_state_that_is_told_is_shown_and_told_twice_is_no_news(event, online):
    made = table(1, 2)
    if online:
        made.changed(told(1, CatalogEvent.OFF), believe_status=True)
    assert made.changed(told(1, event), believe_status=True)
    assert shown(made) == {0: ("camera 1", online), 1: ("camera 2", True)}
    assert made.channels[0].native == {"status": event.value}
    assert not made.changed(told(1, event), believe_status=True)


@pytest.mark.parametrize("event", [CatalogEvent.ADD, CatalogEvent.UPDATE, None])
def test_what_is_added_or_updated_is_shown_even_before_the_first_catalog(event):
    for made in (ChannelTable(NVR, {}, ()), table(1)):
        assert made.changed(told(9, event, name="new"), believe_status=True)
        assert not made.changed(told(9, event, name="new"), believe_status=True)
        assert made.channels[-1].name == "new"
        assert made.changed(told(9, event, name="other"), believe_status=True)
        assert made.channels[-1].name == "other"


def test_what_is_deleted_is_gone_and_may_come_back_under_its_number():
    made = table(1, 2)
    assert made.changed(told(1, CatalogEvent.DEL), believe_status=True)
    assert not made.changed(told(1, CatalogEvent.DEL), believe_status=True)
    assert list(shown(made)) == [1]
    made.changed(told(1, CatalogEvent.ADD, name="back"), believe_status=True)
    assert shown(made)[0] == ("back", True)


def test_the_state_of_what_nobody_knows_is_a_reason_to_ask_for_the_catalog():
    made = table(1)
    assert made.unheard_of(told(5, CatalogEvent.ON))
    assert not made.unheard_of(told(1, CatalogEvent.OFF))
    assert not made.unheard_of(told(5, CatalogEvent.ADD, name="described"))


@pytest.mark.parametrize("before_sync", [True, False])
def test_a_state_that_is_not_believed_is_not_shown_and_a_name_is(before_sync):
    known = table(1)
    made = ChannelTable(NVR, known.numbers, known.channels) if before_sync else known
    assert not made.changed(told(1, CatalogEvent.OFF), believe_status=False)
    made.changed(told(1, CatalogEvent.UPDATE, name="door", on=False, status="OFF"), believe_status=False)
    assert shown(made) == {0: ("door", True)}


def test_what_a_keepalive_calls_faulty_is_shown_so_until_it_does_not():
    made = table(1, 2)
    assert made.faulty([code(2)])
    assert not made.faulty([code(2)])
    assert shown(made) == {0: ("camera 1", True), 1: ("camera 2", False)}
    assert made.channels[1].native == {"faulty": True}
    assert made.faulty([])
    assert shown(made)[1] == ("camera 2", True)
