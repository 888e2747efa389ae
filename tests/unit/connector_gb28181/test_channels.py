"""Channels over restarts and changes: their numbers, what hangs under them, what is broken (GB-107, GB-110, GB-052)."""

import pytest

from cambus.connector_gb28181.channels import ChannelTable
from cambus.gb28181.manscdp.catalog import CatalogChange, CatalogEvent, CatalogItem

NVR, CAMERA = "34020000001180000001", "34020000001320000001"
FIRST, SECOND, THIRD = (f"3402000000131000000{number}" for number in (1, 2, 3))
INPUT, OTHER_INPUT, LOUDSPEAKER = "34020000001340000001", "34020000001340000002", "34020000001370000001"


def item(code, name="", **fields):
    return CatalogItem(code, name or f"camera {code[-1]}", fields.pop("parents", (NVR,)), **fields)


def catalog(*items):
    return {each.code: each for each in items}


def table(*codes, device=NVR):
    made = ChannelTable(device, {}, ())
    made.synced(catalog(*map(item, codes)), complete=True)
    return made


def change(event, told):
    return CatalogChange(event, told)


def shown(made):
    return {info.channel: info.online for info in made.channels}


def names(made):
    return {info.channel: info.name for info in made.channels}


def test_a_code_has_the_lowest_number_nobody_had_and_keeps_it():
    made = table(FIRST, SECOND)
    made.synced(catalog(item(SECOND)), complete=True)
    made.synced(catalog(item(THIRD), item(SECOND), item(FIRST)), complete=True)
    assert made.numbers == {FIRST: 0, SECOND: 1, THIRD: 2}
    assert [info.channel for info in made.channels] == [0, 1, 2]


def test_numbers_are_the_same_after_a_restart_also_of_what_is_gone():
    before = table(FIRST, SECOND, THIRD)
    before.synced(catalog(item(SECOND)), complete=True)
    after = ChannelTable(NVR, before.numbers, before.channels)
    assert after.channels == before.channels
    assert after.code_of(1) == SECOND
    assert after.code_of(0) is None
    after.synced(catalog(item("34020000001310000009"), item(FIRST)), complete=True)
    assert [info.channel for info in after.channels] == [0, 3]


def test_a_channel_whose_number_was_not_kept_keeps_it_all_the_same():
    before = table(FIRST, SECOND)
    after = ChannelTable(NVR, {}, before.channels)
    assert after.numbers == {FIRST: 0, SECOND: 1}


@pytest.mark.parametrize(("device", "expected"), [(CAMERA, [CAMERA]), (NVR, [])])
def test_a_camera_that_lists_nothing_is_its_own_channel(device, expected):
    made = ChannelTable(device, {}, ())
    assert made.channels == ()  # nothing was asked yet
    made.synced({}, complete=False)
    assert made.channels == ()
    made.synced({}, complete=True)
    assert [info.native_id for info in made.channels] == expected
    made.changed([change(CatalogEvent.ADD, item(FIRST, parents=(device,)))], believe_status=True)
    assert [info.native_id for info in made.channels] == [FIRST]  # it lists something now


@pytest.mark.parametrize("synced", [True, False], ids=["synced", "remembered"])
def test_changes_apply_as_often_as_they_are_told_also_before_the_catalog_was_asked_for(synced):
    made = table(FIRST, SECOND) if synced else ChannelTable(NVR, {}, table(FIRST, SECOND).channels)

    def told(event, code, name=""):
        changes = [change(event, CatalogItem(code, name))] * 2
        assert made.changed(changes, believe_status=True)
        assert not made.changed(changes, believe_status=True)

    for event in (
        CatalogEvent.OFF,
        CatalogEvent.ON,
        CatalogEvent.VLOST,
        CatalogEvent.ON,
        CatalogEvent.DEFECT,
    ):
        told(event, SECOND)
        assert shown(made) == {0: True, 1: event is CatalogEvent.ON}
        assert made.channels[1].native["status"] == event.value
    assert names(made)[1] == "camera 2"
    told(CatalogEvent.UPDATE, FIRST, "gate")
    told(None, THIRD, "bridge")
    told(CatalogEvent.ADD, "34020000001310000004", "yard")
    assert names(made) == {0: "gate", 1: "camera 2", 2: "bridge", 3: "yard"}
    told(CatalogEvent.DEL, FIRST)
    assert set(shown(made)) == {1, 2, 3}
    told(CatalogEvent.ADD, FIRST, "gate")
    assert names(made)[0] == "gate"


def test_a_change_leaves_alone_what_it_does_not_tell():
    made = ChannelTable(NVR, {}, ())
    first = item(FIRST, manufacturer="Acme", model="X1", longitude=121.5, latitude=31.2)
    made.synced(catalog(first), complete=True)
    for known in (made, ChannelTable(NVR, made.numbers, made.channels)):
        known.changed([change(CatalogEvent.UPDATE, CatalogItem(FIRST, "gate"))], believe_status=True)
        (info,) = known.channels
        assert (info.name, info.vendor, info.model, info.location.longitude) == ("gate", "Acme", "X1", 121.5)


def test_a_status_that_is_told_can_be_disbelieved():
    for made in (table(FIRST), ChannelTable(NVR, {}, table(FIRST).channels)):
        off = item(FIRST, "gate", on=False, status="OFF")
        assert not made.changed([change(CatalogEvent.OFF, CatalogItem(FIRST))], believe_status=False)
        made.changed([change(CatalogEvent.UPDATE, off)], believe_status=False)
        assert (shown(made), names(made)) == ({0: True}, {0: "gate"})
        made.synced(catalog(off), complete=True)  # the catalog itself is believed
        assert shown(made) == {0: False}


def test_broken_parts_are_off_for_as_long_as_they_are_named():
    made = table(FIRST, SECOND)
    assert made.faulty([SECOND, "34020000001340000009"])
    assert not made.faulty(["34020000001340000009", SECOND])
    assert shown(made) == {0: True, 1: False}
    assert made.channels[1].native["faulty"] is True
    made.synced(catalog(item(FIRST), item(SECOND)), complete=True)
    assert shown(made) == {0: True, 1: False}
    assert made.faulty([])
    assert shown(made) == {0: True, 1: True}
    assert "faulty" not in made.channels[1].native


def test_what_was_known_before_can_be_broken_too():
    made = ChannelTable(NVR, {}, table(FIRST).channels)
    made.faulty([FIRST])
    assert shown(made) == {0: False}
    made.faulty([])
    assert shown(made) == {0: True}


def test_alarm_inputs_belong_to_the_channel_they_hang_under_and_have_numbers():
    made = ChannelTable(NVR, {}, ())
    of_camera, of_host = item(INPUT, parents=(SECOND,)), item(OTHER_INPUT)
    made.synced(catalog(item(FIRST), item(SECOND), of_camera, of_host), complete=True)
    assert (made.channel_of(INPUT), made.channel_of(OTHER_INPUT)) == (1, None)
    assert (made.channel_of(SECOND), made.channel_of(NVR), made.channel_of("1")) == (1, None, None)
    assert (made.input_of(INPUT), made.input_of(OTHER_INPUT), made.input_of(FIRST)) == (0, 1, None)


def test_a_channel_with_a_loudspeaker_has_sound():
    made = ChannelTable(NVR, {}, ())
    made.synced(catalog(item(FIRST), item(SECOND), item(LOUDSPEAKER, parents=(FIRST,))), complete=True)
    assert [info.audio for info in made.channels] == [True, None]


def test_circles_of_parents_end():
    made = ChannelTable(NVR, {}, ())
    loop = catalog(item(INPUT, parents=(OTHER_INPUT,)), item(OTHER_INPUT, parents=(INPUT,)))
    made.synced(loop, complete=True)
    assert made.channel_of(INPUT) is None


def test_texts_of_a_catalog_are_fit_to_be_shown():
    made = ChannelTable(NVR, {}, ())
    made.synced(catalog(item(FIRST, "gate\r\n\x1b[31m" + "x" * 1000)), complete=True)
    name = made.channels[0].name
    assert name.startswith("gate[31m")
    assert len(name) == 200
