"""Alarms pushed to sessions, and firmware taken to its end."""

import hashlib

import pytest

UPGRADE = "OPSystemUpgrade"


def test_alarms_go_to_guarding_sessions_only(world):
    guard, idle = world.user(), world.user()
    assert guard.ask(1500, {"Name": ""}).json["Name"] == ""
    world.device.raise_alarm("motion", 1, "Start")
    (push,) = guard.read()
    assert (push.id, push.sid, push.json["Name"]) == (1504, guard.sid, "AlarmInfo")
    assert push.json["AlarmInfo"] == {
        "Channel": 1,
        "Event": "VideoMotion",
        "StartTime": "2026-03-01 12:00:00",
        "Status": "Start",
    }
    assert idle.read() == []
    guard.send(1505, {"Ret": 100})
    assert world.role.counters["alarms_acknowledged"] == 1
    guard.ask(1502, {"Name": ""})
    world.device.raise_alarm("motion", 1, "Stop")
    assert guard.read() == []


def test_work_state_shows_what_is_active(world):
    peer = world.user()
    world.device.raise_alarm("motion", 1, "Start")
    world.device.raise_alarm("tamper", 0, "Start")
    world.device.raise_alarm("input", 3, "Start")
    state = peer.ask(1020, {"Name": "WorkState"}).json["WorkState"]["AlarmState"]
    assert (state["VideoMotion"], state["VideoBlind"], state["AlarmIn"]) == (2, 1, 8)
    world.device.raise_alarm("motion", 1, "Stop")
    state = peer.ask(1020, {"Name": "WorkState"}).json["WorkState"]["AlarmState"]
    assert state["VideoMotion"] == 0


def test_alarm_outputs_are_switched_by_writing_them(world):
    peer = world.user()
    out = {"AlarmOutType": "MANUAL", "AlarmOutStatus": "OPEN"}
    peer.ask(1040, {"Name": "Alarm.AlarmOut.[1]", "Alarm.AlarmOut.[1]": out})
    assert peer.ask(1020, {"Name": "WorkState"}).json["WorkState"]["AlarmState"]["AlarmOut"] == 2


def test_network_inputs_set_by_a_client_raise_alarms(world):
    peer = world.user()
    peer.ask(1500, {})
    packets = peer.send(1506, {"Name": "OPNetAlarm", "OPNetAlarm": {"Event": 0, "State": 5}})
    events = [packet.json["AlarmInfo"] for packet in packets if packet.id == 1504]
    assert [(each["Event"], each["Channel"], each["Status"]) for each in events] == [
        ("NetAlarm", 0, "Start"),
        ("NetAlarm", 2, "Start"),
    ]
    packets = peer.send(1506, {"NetAlarmInfo": {"Event": 0, "State": 4}})
    assert [each.json["AlarmInfo"]["Status"] for each in packets if each.id == 1504] == ["Stop"]


def test_the_event_handler_decides_which_way_an_alarm_goes(world):
    sent = []
    world.device.on_alarm = sent.append
    peer = world.user()
    peer.ask(1500, {})
    world.device.config.set("Detect.MotionDetect.[0].EventHandler.MsgtoNetEnable", False)
    world.device.raise_alarm("motion", 0, "Start")
    assert peer.read() == []
    assert len(sent) == 1
    world.device.config.set("Detect.MotionDetect.[0].EventHandler.MessageEnable", False)
    world.device.raise_alarm("motion", 0, "Stop")
    assert len(sent) == 1


def test_alarm_quirks(world):
    peer = world.user()
    world.quirks.alarms_without_guard = True
    world.quirks.alarm_misspelled = True
    world.device.raise_alarm("disk_low", 0, "Start")
    world.device.raise_alarm("ip_conflict", 0, "None")
    world.device.raise_alarm("Brandmelder", 0, "Start")
    events = [packet.json["AlarmInfo"]["Event"] for packet in peer.read()]
    assert events == ["StorrageLowSpace", "NetIPConfict", "Brandmelder"]
    world.quirks.alarm_no_stop = True
    world.device.raise_alarm("disk_low", 0, "Stop")
    assert peer.read() == []


def test_a_burst_of_alarms_keeps_its_order(world):
    peer = world.user()
    peer.ask(1500, {})
    for index in range(1000):
        world.device.raise_alarm("motion", index % 2, "Start" if index % 4 < 2 else "Stop")
    got = [(each.json["AlarmInfo"]["Channel"], each.json["AlarmInfo"]["Status"]) for each in peer.read()]
    assert got == [(index % 2, "Start" if index % 4 < 2 else "Stop") for index in range(1000)]


@pytest.fixture
def upgrade(world):
    """Sends an image in pieces of 16 KiB and an end packet; all answers."""
    peer = world.user()
    world.reboots = []
    world.device.on_reboot = world.reboots.append

    def run(image, *, end=True):
        answers = [peer.ask(1520, {"Name": UPGRADE, UPGRADE: {"Action": "Start", "Type": "System"}})]
        if answers[0].ret != 100:
            return answers
        for number, at in enumerate(range(0, len(image), 16384), 1):
            answers += peer.send(1522, image[at : at + 16384], seq=number)
            if not answers or answers[-1].ret != 100:
                return answers
        if end:
            answers += peer.send(1522, b"", seq=number + 1, b13=1)
        return answers

    run.peer = peer
    return run


IMAGE = bytes(range(256)) * 300


def test_an_image_arrives_bit_exact_and_the_device_comes_back_newer(world, upgrade):
    before = world.device.identity.software
    answers = upgrade(IMAGE)
    assert {(each.id, each.ret) for each in answers[1:]} == {(1523, 100)}
    assert len(answers) == 1 + 5 + 1
    world.advance(2.0)
    told = [packet for packet in upgrade.peer.read() if packet.id == 1524]
    assert [packet.ret for packet in told] == [*range(10, 101, 10), 515]
    assert {packet.json["Name"] for packet in told} == {""}
    (image,) = world.device.upgrade.images
    assert (image.sha256, image.size_bytes) == (hashlib.sha256(IMAGE).hexdigest(), len(IMAGE))
    assert world.device.identity.software == before.replace("R11", "R12")
    assert world.reboots == [False]


def test_the_end_may_be_on_the_last_data_packet(world, upgrade):
    peer = upgrade.peer
    peer.ask(1520, {UPGRADE: {"Action": "Start"}})
    assert peer.ask(1522, IMAGE, b13=1).ret == 100
    world.advance(1.0)
    assert world.device.upgrade.images[0].size_bytes == len(IMAGE)


def test_information_about_the_hardware(world, upgrade):
    body = upgrade.peer.ask(1525, {"Name": UPGRADE})
    assert (body.id, sorted(body.json[UPGRADE])) == (
        1526,
        ["Hardware", "LogoArea", "LogoPartType", "Serial", "Vendor"],
    )


@pytest.mark.parametrize("code", [511, 107])
def test_a_start_may_be_refused(world, upgrade, code):
    world.quirks.upgrade_start_code = code
    assert upgrade(IMAGE)[0].ret == code
    assert world.device.upgrade.images == []


def test_a_second_upgrade_is_refused_and_data_without_a_start_too(world, upgrade):
    other = world.user()
    assert other.ask(1522, b"data").ret == 512
    upgrade(IMAGE, end=False)
    assert other.ask(1520, {UPGRADE: {"Action": "Start"}}).ret == 511
    assert other.ask(1522, b"data").ret == 512


def test_an_upgrade_is_aborted_before_its_end_only(world, upgrade):
    upgrade(IMAGE, end=False)
    assert upgrade.peer.ask(1520, {UPGRADE: {"Action": "Abort"}}).ret == 100
    assert world.device.upgrade.state.value == "idle"
    upgrade(IMAGE)
    assert upgrade.peer.ask(1520, {UPGRADE: {"Action": "Abort"}}).ret == 103
    world.advance(1.0)
    assert len(world.device.upgrade.images) == 1


def test_a_sender_that_vanishes_before_the_end_leaves_nothing(world, upgrade):
    upgrade(IMAGE, end=False)
    upgrade.peer.vanish()
    assert world.device.upgrade.state.value == "idle"
    upgrade_state = world.device.upgrade.as_json()
    assert upgrade_state["images"] == []


def test_a_sender_that_vanishes_after_the_end_does_not_stop_the_writing(world, upgrade):
    upgrade(IMAGE)
    upgrade.peer.vanish()
    world.advance(1.0)
    assert world.reboots == [False]


def test_bad_and_unanswered_packets(world, upgrade):
    world.quirks.upgrade_bad_packet = 3
    assert [each.ret for each in upgrade(IMAGE)] == [100, 100, 100, 513]
    world.quirks.update({"upgrade_bad_packet": 0, "upgrade_silent_packet": 6})
    assert len(upgrade(IMAGE)) == 1 + 5


@pytest.mark.parametrize("result", [514, 512, 513])
def test_a_failed_upgrade_keeps_the_version_and_does_not_reboot(world, upgrade, result):
    before = world.device.identity.software
    world.quirks.upgrade_result = result
    world.quirks.upgrade_result_1527 = True
    upgrade(IMAGE)
    world.advance(1.0)
    told = upgrade.peer.read()
    assert [(packet.id, packet.ret) for packet in told[-2:]] == [(1524, result), (1527, result)]
    assert world.device.identity.software == before
    assert world.reboots == []


def test_an_upgrade_may_stall_reboot_or_change_nothing(world, upgrade):
    before = world.device.identity.software
    world.quirks.update({"upgrade_stall_at": 50})
    upgrade(IMAGE)
    world.advance(60.0)
    assert [each.ret for each in upgrade.peer.read() if each.id == 1524][-1] == 50
    world.device.upgrade.cancel()
    world.quirks.update({"upgrade_stall_at": -1, "upgrade_reboot_at": 90, "upgrade_version": "old"})
    peer = world.user()
    upgrade.peer.sid = peer.sid
    peer.ask(1520, {UPGRADE: {"Action": "Start"}})
    peer.ask(1522, IMAGE, b13=1)
    world.advance(1.0)
    assert [each.ret for each in peer.read() if each.id == 1524][-1] == 90
    assert world.reboots == [False]
    assert world.device.identity.software == before


def test_a_device_may_reboot_in_the_middle_of_the_data(world, upgrade):
    world.quirks.upgrade_reboot_packet = 2
    upgrade(IMAGE)
    assert world.reboots == [False]
    assert world.device.upgrade.images == []


def test_a_device_may_hang_up_after_the_end_packet(world, upgrade):
    world.quirks.upgrade_close_after_end = True
    upgrade(IMAGE)
    assert upgrade.peer.ended
    world.advance(1.0)
    assert len(world.device.upgrade.images) == 1


def test_a_device_may_never_return(world):
    reboots = []
    world.device.on_reboot = reboots.append
    world.quirks.never_returns = True
    peer = world.user()
    assert (
        peer.ask(1450, {"Name": "OPMachine", "OPMachine": {"Action": "Reboot"}}).json["Name"] == "OPMachine"
    )
    assert peer.ask(1450, {"OPMachine": {"Action": 1}}).ret == 100
    world.quirks.reboot_reply = False
    assert peer.send(1450, {"OPMachine": {"Action": "Reboot"}}) == []
    assert reboots == [True, True, True]
