"""The head turns while a direction is held."""

import pytest


@pytest.fixture
def ptz(world):
    """Sends a PTZ command."""
    peer = world.user()

    def send(command, name="OPPTZControl", channel=0, **parameter):
        body = {
            "Command": command,
            "Parameter": {"Channel": channel, "Preset": 65535, "Step": 4, **parameter},
        }
        return peer.ask(1400, {"Name": name, name: body})

    return send


def at(world, channel=0):
    return world.device.heads[channel].position(world.now)


@pytest.mark.parametrize(
    ("command", "axis", "sign"),
    [
        ("DirectionLeft", "pan", -1),
        ("DirectionRight", "pan", 1),
        ("DirectionUp", "tilt", 1),
        ("DirectionDown", "tilt", -1),
        ("ZoomTile", "zoom", 1),
        ("FocusNear", "focus", -1),
        ("FocusFar", "focus", 1),
        ("IrisSmall", "iris", -1),
        ("IrisLarge", "iris", 1),
    ],
)
def test_a_held_direction_moves_and_its_stop_stops(world, ptz, command, axis, sign):
    before = getattr(at(world), axis)
    reply = ptz(command)
    assert (reply.ret, reply.json["Name"]) == (100, "")
    world.advance(0.5)
    middle = getattr(at(world), axis)
    assert (middle - before) * sign > 0
    ptz(command, Preset=-1)
    world.advance(5.0)
    assert getattr(at(world), axis) == pytest.approx(middle)


def test_wide_is_the_way_back_from_tele(world, ptz):
    ptz("ZoomTile")
    world.advance(1.0)
    near = at(world).zoom
    ptz("ZoomWide")
    world.advance(0.5)
    assert 1.0 < at(world).zoom < near


def test_a_diagonal_moves_both_axes(world, ptz):
    ptz("DirectionLeftUp")
    world.advance(0.5)
    assert at(world).pan < 0 < at(world).tilt


def test_step_is_the_speed(world, ptz):
    moved = []
    for step in (1, 8):
        ptz("Reset")
        ptz("DirectionRight", Step=step)
        world.advance(0.5)
        moved.append(at(world).pan)
    assert moved[1] == pytest.approx(8 * moved[0])


def test_the_head_stops_at_its_ends(world, ptz):
    ptz("DirectionRight", Step=8)
    world.advance(20.0)
    assert at(world).pan == 180.0
    ptz("DirectionDown", Step=8)
    world.advance(20.0)
    assert at(world).tilt == -90.0


def test_any_preset_but_minus_one_starts(world, ptz):
    ptz("DirectionRight", Preset=0)
    world.advance(0.5)
    assert at(world).pan > 0


def test_presets_store_the_position_and_go_back_to_it(world, ptz):
    ptz("DirectionRight")
    world.advance(1.0)
    ptz("DirectionRight", Preset=-1)
    there = at(world)
    assert ptz("SetPreset", Preset=7).ret == 100
    ptz("Reset")
    assert at(world).pan == 0
    ptz("GotoPreset", Preset=7)
    assert at(world) == there
    ptz("ClearPreset", Preset=7)
    ptz("Reset")
    ptz("GotoPreset", Preset=7)
    assert at(world).pan == 0


def test_a_tour_visits_its_presets(world, ptz):
    pans = []
    for number in (1, 2):
        ptz("DirectionRight")
        world.advance(1.0)
        ptz("DirectionRight", Preset=-1)
        ptz("SetPreset", Preset=number)
        pans.append(at(world).pan)
        ptz("AddTour", Tour=3, Preset=number, Step=5)
    ptz("StartTour", Tour=3)
    seen = []
    for _ in range(4):
        world.advance(2.5)
        seen.append(at(world).pan)
    assert seen == [pans[0], pans[1], pans[1], pans[0]]
    for stop in ("StopTour", "EndTour"):
        ptz("StartTour", Tour=3)
        world.advance(6.0)
        assert ptz(stop, Tour=3).ret == 100
        assert not world.device.heads[0].moving
    ptz("DeleteTour", Tour=3, Preset=1)
    assert world.device.heads[0].tours[3] == [(2, 5)]
    ptz("ClearTour", Tour=3)
    assert world.device.heads[0].tours == {}


def test_patterns_limits_auto_pan_aux_menu_and_fast_position(world, ptz):
    head = world.device.heads[0]
    for step, state in (("SetBegin", "recording"), ("SetEnd", "recorded"), ("Start", "running")):
        assert ptz("SetPattern", Pattern=step, Tour=1).ret == 100
        assert head.patterns == {1: state}
    ptz("SetPattern", Pattern="Clear", Tour=1)
    assert head.patterns == {}
    ptz("SetLeftLimit")
    ptz("DirectionRight", Step=8)
    world.advance(0.5)
    ptz("DirectionRight", Preset=-1)
    ptz("SetRightLimit")
    right = at(world).pan
    ptz("AutoPanOn")
    swings = []
    for _ in range(50):
        world.advance(0.37)
        swings.append(at(world).pan)
    assert min(swings) >= 0
    assert max(swings) <= right
    assert max(swings) - min(swings) > right * 0.7
    ptz("AutoPanOff")
    assert not head.moving
    ptz("AUX", AUX={"Number": 2, "Status": "On"})
    assert head.aux == {2: True}
    ptz("Menu", MenuOpts="Enter")
    assert head.menu_open
    ptz("Reset")
    ptz("FastPosition", POINT={"left": 6000, "right": 8000, "top": 0, "bottom": 1000})
    assert at(world).pan > 0
    assert at(world).tilt > 0


def test_both_spellings_of_the_name_are_accepted(world, ptz):
    assert ptz("DirectionRight", name="PTZControl").ret == 100
    world.advance(0.5)
    assert at(world).pan > 0


def test_channels_have_heads_of_their_own(world, ptz):
    ptz("DirectionRight", channel=1)
    world.advance(0.5)
    assert at(world, 0).pan == 0
    assert at(world, 1).pan > 0
    assert ptz("DirectionRight", channel=9).ret == 103


def test_a_device_may_have_no_protocol_or_ignore_what_it_acknowledges(world, ptz):
    world.quirks.ptz_code = 118
    assert ptz("DirectionRight").ret == 118
    world.quirks.update({"ptz_code": 100, "ptz_ignored": True})
    assert ptz("DirectionRight").ret == 100
    world.advance(1.0)
    assert at(world).pan == 0


def test_unknown_commands_are_refused(ptz):
    assert ptz("Somersault").ret == 103
