"""Movements, presets, tours and areas leave in the words of the wire."""

import pytest

from cambus.dvrip.errors import Refused
from cambus.dvrip.messages.ptz import Move, PatternStep, PtzPoint
from cambus.dvrip.profile import Profile


async def test_a_movement_starts_with_65535_and_stops_with_minus_one(scripted, client):
    await client.ptz.start(1, Move.LEFT_UP, 3)
    await client.ptz.stop(1, Move.LEFT_UP, 3)
    start, stop = (message.body["OPPTZControl"] for message in scripted.messages(1400))
    assert start == {
        "Command": "DirectionLeftUp",
        "Parameter": {
            "AUX": {"Number": 0, "Status": "On"},
            "Channel": 1,
            "MenuOpts": "Enter",
            "POINT": {"bottom": 0, "left": 0, "right": 0, "top": 0},
            "Pattern": "SetBegin",
            "Preset": 65535,
            "Step": 3,
            "Tour": 0,
        },
    }
    assert stop["Command"] == "DirectionLeftUp"
    assert stop["Parameter"]["Preset"] == -1
    assert scripted.messages(1400)[0].body["Name"] == "OPPTZControl"


MOVEMENTS = {
    Move.UP: "DirectionUp",
    Move.DOWN: "DirectionDown",
    Move.LEFT: "DirectionLeft",
    Move.RIGHT: "DirectionRight",
    Move.LEFT_UP: "DirectionLeftUp",
    Move.LEFT_DOWN: "DirectionLeftDown",
    Move.RIGHT_UP: "DirectionRightUp",
    Move.RIGHT_DOWN: "DirectionRightDown",
    Move.ZOOM_IN: "ZoomTile",
    Move.ZOOM_OUT: "ZoomWide",
    Move.FOCUS_NEAR: "FocusNear",
    Move.FOCUS_FAR: "FocusFar",
    Move.IRIS_CLOSE: "IrisSmall",
    Move.IRIS_OPEN: "IrisLarge",
}


@pytest.mark.parametrize("move", list(Move))
async def test_every_movement_starts_and_stops_by_its_wire_name(scripted, client, move):
    await client.ptz.start(0, move)
    await client.ptz.stop(0, move)
    bodies = [message.body["OPPTZControl"] for message in scripted.messages(1400)]
    assert [(body["Command"], body["Parameter"]["Preset"]) for body in bodies] == [
        (MOVEMENTS[move], 65535),
        (MOVEMENTS[move], -1),
    ]


async def test_presets_and_tours_have_all_their_verbs(scripted, client):
    ptz = client.ptz
    await ptz.set_preset(0, 1)
    await ptz.goto_preset(0, 255)
    await ptz.clear_preset(0, 7)
    await ptz.add_tour_point(0, 2, 7, dwell_s=9)
    await ptz.delete_tour_point(0, 2, 7)
    await ptz.clear_tour(0, 2)
    await ptz.start_tour(0, 2)
    await ptz.stop_tour(0, 2)
    sent = [
        (body["Command"], body["Parameter"]["Preset"], body["Parameter"]["Tour"], body["Parameter"]["Step"])
        for body in (message.body["OPPTZControl"] for message in scripted.messages(1400))
    ]
    assert sent == [
        ("SetPreset", 1, 0, 5),
        ("GotoPreset", 255, 0, 5),
        ("ClearPreset", 7, 0, 5),
        ("AddTour", 7, 2, 9),
        ("DeleteTour", 7, 2, 5),
        ("ClearTour", 0, 2, 5),
        ("StartTour", 0, 2, 5),
        ("StopTour", 0, 2, 5),
    ]


async def test_patterns_limits_aux_menu_and_areas_are_encoded(scripted, client):
    ptz = client.ptz
    await ptz.pattern(0, PatternStep.END_RECORDING)
    await ptz.auto_pan(0, on=True)
    await ptz.set_limit(0, left=False)
    await ptz.aux(0, 3, on=False)
    await ptz.menu(0, "Up")
    await ptz.reset(0)
    await ptz.zoom_area(0, PtzPoint(1, 2, 3, 4))
    bodies = [message.body["OPPTZControl"] for message in scripted.messages(1400)]
    assert [body["Command"] for body in bodies[:6]] == [
        "SetPattern",
        "AutoPanOn",
        "SetRightLimit",
        "AUX",
        "Menu",
        "Reset",
    ]
    parameters = [body["Parameter"] for body in bodies]
    assert parameters[0]["Pattern"] == "SetEnd"
    assert parameters[3]["AUX"] == {"Number": 3, "Status": "Off"}
    assert parameters[4]["MenuOpts"] == "Up"
    assert parameters[6]["POINT"] == {"bottom": 4, "left": 1, "right": 3, "top": 2}


async def test_values_out_of_range_are_refused_before_anything_is_sent(scripted, client):
    for call in (
        client.ptz.set_preset(0, 0),
        client.ptz.goto_preset(0, 256),
        client.ptz.start(0, Move.UP, 9),
        client.ptz.start(0, Move.UP, 0),
    ):
        with pytest.raises(Refused) as caught:
            await call
        assert caught.value.reason == "out_of_range"
    assert scripted.messages(1400) == []


async def test_a_mirrored_mount_gets_mirrored_commands(scripted, make_client):
    client = make_client(Profile(ptz_flip_horizontal=True, ptz_flip_vertical=True))
    await client.connect()
    for move in (Move.UP, Move.LEFT, Move.LEFT_UP, Move.ZOOM_IN):
        await client.ptz.start(0, move)
    commands = [message.body["OPPTZControl"]["Command"] for message in scripted.messages(1400)]
    assert commands == ["DirectionDown", "DirectionRight", "DirectionRightDown", "ZoomTile"]
