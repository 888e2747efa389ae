"""Codes and the trees they make (§1, §6, GB-101, GB-107, GB-108)."""

import random

import pytest

from cambus.gb28181.catalog_tree import CatalogTree
from cambus.gb28181.codes import Code, NodeKind, is_code, kind_of
from cambus.gb28181.errors import ProtocolError
from cambus.gb28181.manscdp.catalog import CatalogItem

NVR, IPC = "34020000001180000002", "34020000001320000001"
SYSTEM, GROUP, ORG = (f"3402000000{kind}0000001" for kind in ("200", "215", "216"))
LOWER_ORG = "34020000002160000002"


def camera(number):
    return f"3402000000131{number:07d}"


def tree(device, *items):
    return CatalogTree.of(device, {each.code: each for each in items})


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        *(
            ("34", NodeKind.REGION),
            ("3402", NodeKind.REGION),
            ("340203", NodeKind.REGION),
            ("34020300", NodeKind.REGION),
        ),
        *(("3402000000", NodeKind.OTHER), ("x" * 20, NodeKind.OTHER), ("", NodeKind.OTHER)),
        (SYSTEM, NodeKind.SYSTEM),
        (GROUP, NodeKind.GROUP),
        (ORG, NodeKind.ORGANISATION),
        *((f"3402000000{number}0000001", NodeKind.HOST) for number in (111, 118, 121, 122, 130)),
        *((f"3402000000{number}0000001", NodeKind.CHANNEL) for number in (131, 132)),
        *((f"3402000000{number}0000001", NodeKind.PERIPHERAL) for number in (133, 138, 139, 141, 143)),
        ("34020000001340000001", NodeKind.ALARM_INPUT),
        *((f"3402000000{number}0000001", NodeKind.ALARM_OUTPUT) for number in (135, 140)),
        ("34020000001360000001", NodeKind.AUDIO_INPUT),
        ("34020000001370000001", NodeKind.AUDIO_OUTPUT),
        *((f"3402000000{number}0000001", NodeKind.SYSTEM) for number in (201, 211, 500, 505)),
        *((f"3402000000{number}0000001", NodeKind.USER) for number in (300, 343, 400)),
        *((f"3402000000{number}0000001", NodeKind.OTHER) for number in (600, 999, "000")),
    ],
)
def test_length_and_type_digits_say_what_a_node_is(code, kind):
    assert kind_of(code) is kind


def test_a_code_is_taken_apart_and_put_together():
    code = Code.parse("34020000001320000001")
    assert (code.centre, code.industry, code.type, code.network, code.serial) == (
        *("34020000", "00", "132", "0", "000001"),
    )
    assert (code.domain, str(code), code.kind) == ("3402000000", IPC, NodeKind.CHANNEL)
    assert not is_code("3402000000132000000١")
    with pytest.raises(ProtocolError):
        Code.parse("3402")


def test_the_tree_of_a_platform():
    """Region, system, group, organisations in it, a host and its cameras: each where the standard puts it."""
    made = tree(
        SYSTEM,
        CatalogItem("34", "province"),
        CatalogItem("3402", "city"),
        CatalogItem(GROUP, "group", (SYSTEM,), civil_code="3402"),
        CatalogItem(ORG, "floor", business_group=GROUP),
        CatalogItem(LOWER_ORG, "room", (ORG,), business_group=GROUP),
        CatalogItem(NVR, "recorder", (SYSTEM,), civil_code="3402"),
        CatalogItem(camera(1), "one", (NVR, LOWER_ORG), civil_code="3402"),
        CatalogItem(camera(2), "two", civil_code="340203"),
    )
    assert made.children == {
        SYSTEM: ("34", GROUP, NVR),
        "34": ("3402",),
        "3402": (camera(2),),
        GROUP: (ORG,),
        ORG: (LOWER_ORG,),
        LOWER_ORG: (camera(1),),
        NVR: (camera(1),),
    }
    assert [each.name for each in made.channels()] == ["one", "two"]
    assert made.below(GROUP) == [GROUP, ORG, LOWER_ORG, camera(1)]
    assert set(made.below(SYSTEM)) == {SYSTEM, *made.items}


def test_what_is_no_camera_is_no_channel_and_what_nobody_knows_is_one():
    odd = "34020000006000000001"
    others = ["3402", SYSTEM, GROUP, ORG] + [f"3402000000{kind}0000009" for kind in (134, 135, 136, 137, 300)]
    made = tree(NVR, *(CatalogItem(each) for each in [*others, odd, "odd", camera(1)]))
    assert [each.code for each in made.channels()] == [odd, "odd", camera(1)]


def test_a_camera_that_lists_nothing_is_its_own_channel_and_a_recorder_is_none():
    assert [each.code for each in tree(IPC).channels()] == [IPC]
    assert [each.code for each in tree("34020000001310000001").channels()] == ["34020000001310000001"]
    assert tree(NVR).channels() == []


def test_a_camera_that_lists_itself_is_a_channel_until_it_has_others():
    assert [each.code for each in tree(IPC, CatalogItem(IPC)).channels()] == [IPC]
    made = tree(IPC, CatalogItem(IPC), CatalogItem(camera(1), parents=(IPC,)))
    assert [each.code for each in made.channels()] == [camera(1)]


def test_several_parents_have_the_node_each_and_it_is_there_once():
    made = tree(
        SYSTEM,
        CatalogItem(ORG),
        CatalogItem(LOWER_ORG),
        CatalogItem(camera(1), parents=(ORG, LOWER_ORG, ORG)),
    )
    assert made.children[ORG] == made.children[LOWER_ORG] == (camera(1),)
    assert made.below(SYSTEM).count(camera(1)) == 1
    assert len(made.channels()) == 1


def test_under_parents_nobody_knows_a_node_hangs_under_the_device():
    made = tree(NVR, CatalogItem(camera(1), parents=("34020000002160000077",)), CatalogItem(camera(2)))
    assert made.children == {NVR: (camera(1), camera(2))}
    stranger = CatalogItem(camera(1), parents=("34020000002160000077",), civil_code="3402")
    made = tree(NVR, CatalogItem("3402"), stranger)  # whatever region it is in
    assert made.children == {NVR: ("3402", camera(1))}


def test_one_parent_that_is_known_is_enough():
    made = tree(NVR, CatalogItem(ORG), CatalogItem(camera(1), parents=("34020000002160000077", ORG)))
    assert made.children[ORG] == (camera(1),)


@pytest.mark.parametrize("length", [1, 2, 3, 7])
def test_a_circle_is_cut_once_and_loses_nobody(length):
    codes = [f"3402000000216{number:07d}" for number in range(length)]
    items = [CatalogItem(code, parents=(codes[at - 1],)) for at, code in enumerate(codes)]
    made = tree(SYSTEM, *items, CatalogItem(camera(1), parents=(codes[-1],)))
    assert set(made.below(SYSTEM)) == {SYSTEM, *codes, camera(1)}
    assert made.children[SYSTEM] == (codes[0],)
    assert sum(len(each) for each in made.children.values()) == length + 1


@pytest.mark.parametrize("seed", range(30))
def test_whatever_hangs_under_whatever_everything_is_under_the_device_and_nothing_under_itself(seed):
    chance = random.Random(seed)
    codes = [f"3402000000216{number:07d}" for number in range(40)]
    items = [CatalogItem(each, parents=tuple(chance.choices(codes, k=chance.randrange(3)))) for each in codes]
    made = tree(SYSTEM, *items)
    assert set(made.below(SYSTEM)) == {SYSTEM, *codes}
    for code in codes:
        below = {each for child in made.children.get(code, ()) for each in made.below(child)}
        assert code not in below


def test_a_chain_of_ten_thousand_is_no_matter():
    codes = [f"3402000000216{number:07d}" for number in range(10_000)]
    made = tree(SYSTEM, *(CatalogItem(code, parents=(codes[at - 1],)) for at, code in enumerate(codes)))
    assert len(made.below(SYSTEM)) == 10_001
