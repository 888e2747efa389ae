"""Settings: by root, leaf, element and field, and what an odd device does with them."""

import json

import pytest
from dvrip_documents import CONFIG_OBJECTS
from hypothesis import given, settings
from hypothesis import strategies as st
from thoroughness import examples

from cambus.simulators.dvrip.centre import configured_centre
from cambus.simulators.dvrip.config_store import ConfigStore

ROOTS = [
    "AVEnc",
    "Simplify",
    "Record",
    "Storage",
    "Detect",
    "Alarm",
    "NetWork",
    "Uart",
    "fVideo",
    "General",
    "System",
    "Camera",
    "Status",
]


@pytest.fixture
def get(world):
    peer = world.user()
    return lambda name, message_id=1042: peer.ask(message_id, {"Name": name})


@pytest.fixture
def put(world):
    peer = world.user()
    return lambda name, value: peer.ask(1040, {"Name": name, name: value})


@pytest.mark.parametrize("name", [*ROOTS, *CONFIG_OBJECTS])
def test_every_object_of_the_protocol_is_there_and_has_a_default(get, name):
    now, default = get(name), get(name, 1044)
    assert (now.ret, now.json["Name"]) == (100, name)
    assert now.json[name] == default.json[name]


def test_elements_and_fields_are_read_by_their_path(get):
    leaf = get("Detect.MotionDetect").json["Detect.MotionDetect"]
    assert get("Detect.MotionDetect.[1]").json["Detect.MotionDetect.[1]"] == leaf[1]
    assert get("Detect.MotionDetect[1].Level").json["Detect.MotionDetect[1].Level"] == 3
    assert get("NetWork.NetCommon.HostName").json["NetWork.NetCommon.HostName"] == "HVR"


@pytest.mark.parametrize("name", ["Nothing", "NetWork.Nothing", "Detect.MotionDetect.[9]", "", "...", "[0]"])
def test_what_is_not_there_is_607_with_null(get, name):
    reply = get(name)
    assert (reply.ret, reply.json[name]) == (607, None) if name else (607, None)


def test_addresses_are_little_endian_hex(get):
    common = get("NetWork.NetCommon").json["NetWork.NetCommon"]
    assert (common["HostIP"], common["Submask"]) == ("0x0B0A060A", "0x00FFFFFF")


def test_writing_a_field_changes_that_alone(get, put):
    before = get("General.General").json["General.General"]
    assert put("General.General.MachineName", "gate").json["Ret"] == 100
    after = get("General.General").json["General.General"]
    assert after == {**before, "MachineName": "gate"}
    assert get("General.General", 1044).json["General.General"] == before


def test_sparse_objects_are_merged_or_replace(world, get, put):
    put("General.General", {"MachineName": "gate"})
    assert get("General.General.LocalNo").ret == 100
    world.quirks.config_merge = False
    put("General.General", {"MachineName": "door"})
    assert get("General.General").json["General.General"] == {"MachineName": "door"}


def test_equal_parts_of_the_tree_are_not_the_same_part(get, put):
    put("General.Location.DSTStart.Month", 3)
    put("Detect.MotionDetect.[0].EventHandler.RecordLatch", 99)
    put("Record.[0].TimeSection.[0].[0]", "0 00:00:00-12:00:00")
    assert get("General.Location.DSTEnd.Month").json["General.Location.DSTEnd.Month"] == 1
    assert (
        get("Detect.BlindDetect.[0].EventHandler.RecordLatch").json[
            "Detect.BlindDetect.[0].EventHandler.RecordLatch"
        ]
        == 10
    )
    assert get("Record.[1].TimeSection.[0].[0]").json["Record.[1].TimeSection.[0].[0]"].startswith("1 ")


def test_wrong_shapes_and_places_are_refused(put, world):
    assert put("General.General", [1]).ret == 608
    assert put("Nothing.At.All", 1).ret == 607
    assert put("NewRoot", {}).ret == 607
    assert put("Detect.MotionDetect.[7]", {}).ret == 607
    assert world.user().ask(1040, {"Name": "General.General"}).ret == 117


@pytest.mark.parametrize("code", [150, 602, 603, 604, 607])
def test_a_set_may_need_a_restart_or_fail(world, get, put, code):
    world.quirks.config_set_code = code
    reply = put("General.General.MachineName", "gate")
    assert reply.ret == code
    changed = get("General.General.MachineName").json["General.General.MachineName"] == "gate"
    assert changed == (code in {150, 602, 603})


def test_a_leaf_may_be_607_alone_and_there_in_its_root(world, get):
    world.quirks.update({"config_607": "Detect.MotionDetect"})
    assert get("Detect.MotionDetect").ret == 607
    assert len(get("Detect").json["Detect"]["MotionDetect"]) == 2
    assert get("Detect.MotionDetect.[0]").ret == 100


def test_a_root_may_be_silent(world):
    world.quirks.update({"config_silent": "Detect"})
    peer = world.user()
    assert peer.send(1042, {"Name": "Detect"}) == []
    assert peer.ask(1042, {"Name": "Detect.MotionDetect"}).ret == 100


def test_both_descriptions_of_an_encoder_stay_in_step(get, put):
    put("Simplify.Encode.[0].MainFormat.Video.FPS", 12)
    main = get("AVEnc.Encode.[0].MainFormat").json["AVEnc.Encode.[0].MainFormat"]
    assert {each["Video"]["FPS"] for each in main} == {12}
    put("AVEnc.Encode.[1].ExtraFormat.[0].Video.FPS", 7)
    assert (
        get("Simplify.Encode.[1].ExtraFormat.Video.FPS").json["Simplify.Encode.[1].ExtraFormat.Video.FPS"]
        == 7
    )


def test_defaults_come_back_by_group(world, get, put):
    peer = world.user()
    put("General.General.MachineName", "gate")
    put("Detect.MotionDetect.[0].Level", 6)
    body = {"General": True, "Alarm": False, "Account": False}
    assert (
        peer.ask(1450, {"Name": "OPDefaultConfig", "OPDefaultConfig": body}).json["Name"] == "OPDefaultConfig"
    )
    assert get("General.General.MachineName").json["General.General.MachineName"] == "HVR"
    assert get("Detect.MotionDetect.[0].Level").json["Detect.MotionDetect.[0].Level"] == 6
    assert peer.ask(1450, {"Name": "OPDefaultConfig", "OPDefaultConfig": {"General": "x"}}).ret == 523


def test_titles_are_set_as_a_whole_and_shown_in_the_widgets(world, get):
    peer = world.user()
    assert (
        peer.ask(1046, {"Name": "ChannelTitle", "ChannelTitle": ["gate", "门"]}).json["Name"]
        == "ChannelTitle"
    )
    assert peer.ask(1048, {"Name": "ChannelTitle"}).json["ChannelTitle"] == ["gate", "门"]
    name = "AVEnc.VideoWidget.[1].ChannelTitle.Name"
    assert get(name).json[name] == "门"
    assert peer.ask(1046, {"Name": "ChannelTitle", "ChannelTitle": "gate"}).ret == 117


def test_title_bitmaps_must_be_exactly_as_long_as_they_say(world):
    peer = world.user()
    bitmap = (16).to_bytes(2, "little") + (8).to_bytes(2, "little") + bytes(12) + bytes(16)
    assert peer.ask(1050, bitmap).ret == 100
    assert peer.ask(1054, bitmap * 3).ret == 100
    for wrong in (bitmap[:-1], bitmap + b"\0", b"", bitmap[:10]):
        assert peer.ask(1050, wrong).ret == 117


def test_a_title_bitmap_needs_permission_like_everything_else(world):
    assert world.peer().ask(1050, b"").ret == 105


_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=10,
)


@given(st.lists(st.tuples(st.text(alphabet="ABab.[]0123", max_size=12), _values), max_size=8))
def test_no_path_and_no_value_breaks_the_store(writes):
    store = ConfigStore({"A": {"a": [1, {"b": 2}], "B": {}}, "B": [0]})
    for name, value in writes:
        try:
            code = store.set(name, value)
        except KeyError:
            continue
        if code == 100:
            got = json.dumps(store.get(name))
            assert got is not None
    json.dumps(store.export())


@settings(max_examples=examples(60, 300), deadline=None)
@given(st.sampled_from(ROOTS + CONFIG_OBJECTS), _values | st.just({}) | st.just([]), st.booleans())
def test_a_device_with_any_settings_still_answers(world_factory, leaf, value, merge):
    world = world_factory()
    world.quirks.config_merge = merge
    peer = world.user()
    peer.ask(1040, {"Name": leaf, leaf: value})
    for name in ("SystemInfo", "WorkState", "StorageInfo"):
        assert peer.ask(1020, {"Name": name}).ret == 100
    assert peer.ask(1048, {"Name": "ChannelTitle"}).ret == 100
    world.device.raise_alarm("motion", 1, "Start")
    world.device.raise_alarm("input", 3, "Start")
    world.device.max_connections()
    world.device.spec(1, 0)
    configured_centre(world.device.config)
    assert world.peer().login().ret == 100
