"""Codes for upper platforms: given, kept or made; never the same twice, and the same for ever (GB-241)."""

from hypothesis import given
from hypothesis import strategies as st

from cambus.connector_gb28181.cascade.directory import Seen
from cambus.connector_gb28181.cascade.nodes import Planner
from cambus.schemas.channels import ChannelInfo
from cambus.schemas.state.cascade import CascadeLink
from cambus.schemas.state.presence import Presence

OURS = "34020000002000000002"


def link(**fields):
    return CascadeLink.model_validate(
        {
            "id": "up",
            "code": OURS,
            "server_code": "34010000002000000001",
            "server_address": "192.0.2.1:5060",
            "shares": [{"devices": ["*"]}],
            **fields,
        }
    )


def seen(device, *natives, protocol="dvrip"):
    channels = [ChannelInfo(channel=at, native_id=native) for at, native in enumerate(natives)]
    return Seen(
        Presence(
            device=device,
            protocol=protocol,
            online=True,
            since="2026-02-01T00:00:00Z",
            channels=channels,
            channels_total=len(channels),
        )
    )


def plan(devices, numbers=None, **fields):
    numbers = {} if numbers is None else numbers
    return Planner(link(**fields), numbers).plan({each.presence.device: each for each in devices})


MADE = f"{OURS[:10]}1310000001"


def test_a_code_that_is_made_is_not_one_a_device_has():
    shared = plan([seen("a", None), seen("b", MADE)])
    assert shared.at("b", 0).code == MADE
    assert shared.at("a", 0).code == f"{OURS[:10]}1310000002"


def test_a_code_that_was_made_before_stays_though_a_device_comes_with_the_same():
    numbers = {}
    before = plan([seen("b", None)], numbers).at("b", 0).code
    shared = plan([seen("a", before), seen("b", None)], numbers)
    assert shared.at("b", 0).code == before
    assert shared.at("a", 0).code != before


def test_native_codes_are_not_kept_where_the_link_says_so():
    native = "34020000001320000777"
    assert plan([seen("a", native)]).at("a", 0).code == native
    assert plan([seen("a", native)], keep_native_codes=False).at("a", 0).code != native


def test_a_device_that_says_one_code_for_two_cameras_gets_two():
    native = "34020000001320000777"
    shared = plan([seen("a", native, native)])
    assert shared.at("a", 0).code == native
    assert shared.at("a", 1).code != native


def test_our_own_code_is_nobody_elses():
    assert plan([seen("a", OURS)]).at("a", 0).code != OURS


NATIVES = st.one_of(st.none(), st.integers(1, 4).map(lambda n: f"{OURS[:10]}131{n:07d}"), st.just("1"))
FLEETS = st.dictionaries(
    st.sampled_from(["a", "b", "c", f"{OURS[:10]}1180000001"]),
    st.lists(NATIVES, min_size=1, max_size=4),
    min_size=1,
)


@given(st.lists(FLEETS, min_size=1, max_size=4))
def test_whatever_comes_and_goes_codes_that_were_made_stay_and_nothing_is_lost(fleets):
    numbers, made = {}, {}
    for fleet in fleets:
        shared = plan([seen(device, *natives) for device, natives in fleet.items()], numbers)
        places = [(device, at) for device, natives in fleet.items() for at in range(len(natives))]
        nodes = {place: shared.at(*place) for place in places}
        assert all(node is not None for node in nodes.values())
        for (device, at), node in nodes.items():
            native = fleet[device][at]
            if node.code != native:
                assert made.setdefault((device, at), node.code) == node.code
            assert len(node.code) == 20
        for node in shared.nodes.values():
            assert set(node.parents) <= shared.nodes.keys()
