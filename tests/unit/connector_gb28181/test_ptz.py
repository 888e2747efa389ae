"""Speeds, areas and positions of the bus, and what the protocol makes of them."""

import pytest

from cambus.connector_gb28181.mapping.ptz import (
    area_of,
    movement,
    position_reply,
    precise,
    presets_of,
    tour_of,
)
from cambus.gb28181.manscdp.ptz_state import (
    CruiseAnswer,
    CruisePoint,
    Preset,
    PresetList,
    PtzPosition,
)
from cambus.schemas.commands import ptz
from cambus.schemas.errors import BadRequest


@pytest.mark.parametrize(
    ("pan", "tilt", "zoom", "expected"),
    [
        (100 / 255, 0, 0, "A50F000164000019"),
        (-100 / 255, 0, 0, "A50F00026400001A"),
        (0, -100 / 255, 0, "A50F00040064001C"),
        (0, 100 / 255, 0, "A50F000800640020"),
        (100 / 255, 100 / 255, 0, "A50F000964640085"),
        (-100 / 255, -100 / 255, 0, "A50F000664640082"),
        (0, 0, 8 / 15, "A50F001000008044"),
        (100 / 255, 100 / 255, -8 / 15, "A50F002964648025"),
    ],
)
def test_speeds_become_the_bytes_of_the_standard(pan, tilt, zoom, expected):
    assert movement(pan, tilt, zoom).hex() == expected


@pytest.mark.parametrize("speed", [0.0001, 1.0])
def test_what_moves_at_all_has_a_speed_on_the_wire(speed):
    command = movement(speed, -speed, speed)
    assert 1 <= command.data1 <= 255
    assert 1 <= command.data2 <= 255
    assert 1 <= command.data3 <= 15


def test_an_area_ends_at_the_edge_of_the_picture():
    area = area_of(ptz.PtzZoomAreaRequest(channel=0, x=0.9, y=0.9, width=0.5, height=0.5))
    assert (area.length_x, area.length_y) == (192, 108)
    assert area.middle_x <= 1920
    assert area.middle_y <= 1080


def test_presets_without_a_usable_number_are_left_out():
    odd = [Preset("x", "a"), Preset(None, "b"), Preset("0", "c"), Preset("256", "d"), Preset("\u0661", "e")]
    answer = PresetList(None, (*odd, Preset(" 2 ", None), Preset("01", "first"), Preset("1", "again")))
    assert [(each.preset, each.name) for each in presets_of(answer)] == [(1, "first"), (2, "")]


def test_stops_out_of_range_are_left_out_or_brought_into_it():
    points = (
        CruisePoint(0, 1, 1),
        CruisePoint(3, -5, 99),
        CruisePoint(4, None, None),
        CruisePoint(None, 1, 1),
    )
    tour = tour_of(2, CruiseAnswer(2, None, 4, points), "Round")
    assert tour.name == "Round"
    assert [(point.preset, point.dwell_s, point.speed) for point in tour.points] == [
        (3, 0, 1.0),
        (4, 0, None),
    ]


def test_what_a_position_does_not_tell_is_open():
    reply = position_reply(PtzPosition(pan=-10.0, tilt=0.0, zoom=0.0))
    assert (reply.pan_deg, reply.tilt_deg, reply.zoom) == (350.0, 0.0, None)
    assert str(reply.tilt_deg) == "0.0"


def test_a_change_from_where_nobody_knows_is_refused():
    request = ptz.PtzPositionSetRequest(channel=0, zoom=1.0, relative=True)
    with pytest.raises(BadRequest):
        precise(request, ptz.PtzPositionReply(pan_deg=1.0))
