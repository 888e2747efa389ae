"""Information frames of vehicles."""

from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cambus.dvrip.info import Passengers, VehicleInfo, parse_vehicle_info

PARTS = [
    "SPEED:62;",
    "STATUS:11002010010;",
    "G-SENSOR:10,-20,1000;",
    "LOCATESTATUS:03;",
]


@pytest.mark.parametrize("order", list(permutations(PARTS)))
def test_keys_come_in_any_order(order):
    info = parse_vehicle_info("".join(order).encode())
    assert (info.speed_km_h, info.vehicle, info.acceleration_mg) == (62.0, "running", (10, -20, 1000))
    assert (info.location, info.location_signal) == ("ok", 3)


def test_status_digits_are_vehicle_lamps_doors_and_the_rest():
    info = parse_vehicle_info(b"STATUS:01020000110;")
    assert info.vehicle == "off"
    assert info.status == {
        "left_lamp": True,
        "right_lamp": False,
        "front_right_door": False,  # the one before is 2: invalid
        "rear_left_door": False,
        "rear_right_door": False,
        "back_door": False,
        "brake": True,
        "manual_alarm": True,
        "reversing": False,
    }
    assert parse_vehicle_info(b"STATUS:1;").status == {}


def test_everything_else():
    text = "GPS:$GPRMC,035644.00,A;INFO:粤B12345;PASSENGER:05Depot000012100003;"
    text += "3GSTATUS:0;WIFISTATUS:15;DASSTATUS:9;NEW:x;"
    info = parse_vehicle_info(text.encode() + b"\x00")
    assert info.gps == "$GPRMC,035644.00,A"
    assert info.text == "粤B12345"
    assert info.passenger_stop == "Depot"
    assert info.passengers == (Passengers("adult", "on", 12), Passengers("child", "on", 3))
    assert info.links == {"3g": "connected", "wifi": "disconnected"}
    assert info.other == {"NEW": "x"}


KEYS = {
    "GPS": ("GPS:$GPRMC,035644.00,A;", {"gps": "$GPRMC,035644.00,A"}),
    "G-SENSOR": ("G-SENSOR:10,-20,1000;", {"acceleration_mg": (10, -20, 1000)}),
    "INFO": ("INFO:plate 7;", {"text": "plate 7"}),
    "STATUS": ("STATUS:10000000000;", {"vehicle": "running"}),
    "SPEED": ("SPEED:62.5;", {"speed_km_h": 62.5}),
    "PASSENGER": (
        "PASSENGER:05Depot010012;",
        {"passenger_stop": "Depot", "passengers": (Passengers("adult", "off", 12),)},
    ),
    "LOCATESTATUS": ("LOCATESTATUS:13;", {"location": "no_signal", "location_signal": 3}),
    "3GSTATUS": ("3GSTATUS:03;", {"3g": "connected"}),
    "WIFISTATUS": ("WIFISTATUS:1;", {"wifi": "disconnected"}),
    "DASSTATUS": ("DASSTATUS:0;", {"das": "connected"}),
}


@given(st.permutations(sorted(KEYS)), st.integers(0, len(KEYS)))
def test_any_subset_of_all_keys_is_read_in_any_order(order, count):
    present = order[:count]
    info = parse_vehicle_info("".join(KEYS[key][0] for key in present).encode())
    links = {}
    for key in KEYS:
        for name, value in KEYS[key][1].items():
            if name in ("3g", "wifi", "das"):
                links.update({name: value} if key in present else {})
            else:
                assert getattr(info, name) == (value if key in present else getattr(VehicleInfo(), name))
    assert info.links == links
    assert info.other == {}


@given(st.binary(max_size=120))
def test_any_payload_is_read_as_far_as_it_goes(payload):
    parse_vehicle_info(payload)


@given(st.text(alphabet="SPEDTAUPNGR:;0129,-x", max_size=80))
def test_near_misses_are_left_out(text):
    parse_vehicle_info(text.encode())
