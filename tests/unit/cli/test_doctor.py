"""What the doctor makes of what it is shown."""

from datetime import UTC, datetime, timedelta

import pytest

from cambus.cli.device_status import DeviceStatus
from cambus.cli.doctor import complaints, devices, nats, services
from cambus.cli.doctor.finding import Level
from cambus.cli.doctor.probes import Probe, read_samples
from cambus.client.discovery import Instance
from cambus.client.received import ReceivedEvent
from cambus.schemas.events.device import DeviceOffline
from cambus.schemas.state.devices import DeviceRecord
from cambus.schemas.state.presence import DeviceState, Presence, PresenceError

NOW = datetime(2026, 2, 1, 12, tzinfo=UTC)


def status(name="gate", state=DeviceState.ONLINE, *, since=timedelta(hours=1), enabled=True, **facts):
    record = DeviceRecord(id=name, protocol="dvrip", address="192.0.2.1", enabled=enabled)
    online = state in {DeviceState.ONLINE, DeviceState.DEGRADED}
    presence = Presence(device=name, protocol="dvrip", online=online, state=state, since=NOW - since, **facts)
    return DeviceStatus(name, record, presence)


def troubles(*found):
    return [each for each in devices.check_states(found, NOW) if each.subject != "devices"]


@pytest.mark.parametrize("state", [each for each in DeviceState if each is not DeviceState.ONLINE])
def test_every_state_but_online_is_told_or_passes(state):
    found = troubles(status(state=state, degraded=["events"]))
    if state is DeviceState.DISABLED:
        assert found == []
        return
    (finding,) = found
    assert state.value in finding.text
    passing = {DeviceState.UPGRADING, DeviceState.REBOOTING}
    assert finding.level is (Level.NOTE if state in passing else Level.PROBLEM)
    assert finding.todo or state in passing
    assert "{" not in finding.todo


def test_a_device_that_has_only_begun_to_connect_is_left_in_peace():
    assert troubles(status(state=DeviceState.CONNECTING, since=timedelta(seconds=30))) == []
    assert len(troubles(status(state=DeviceState.CONNECTING, since=timedelta(minutes=5)))) == 1


def test_a_device_that_dials_in_is_given_time_to():
    assert troubles(status(state=DeviceState.AWAITED, since=timedelta(seconds=30))) == []
    assert len(troubles(status(state=DeviceState.AWAITED, since=timedelta(minutes=5)))) == 1


def test_a_device_that_was_let_go_is_not_to_be_looked_for():
    error = PresenceError(code=503, reason="ownership-lost", text="no longer held here", at=NOW)
    (let_go,) = troubles(status(state=DeviceState.OFFLINE, last_error=error))
    (gone,) = troubles(status(state=DeviceState.OFFLINE))
    assert "NATS" in let_go.todo
    assert "NATS" not in gone.todo


def test_what_is_switched_off_is_not_looked_for():
    found = devices.check_states([status(state=DeviceState.OFFLINE, enabled=False), status("yard")], NOW)
    assert [each.text for each in found] == ["1 of 1 online"]


def test_a_thousand_devices_with_one_trouble_do_not_fill_the_screen():
    found = devices.check_states([status(f"d{n}", DeviceState.OFFLINE) for n in range(100)], NOW)
    assert len(found) == 2 + devices.SHOWN
    assert "80 more devices offline" in found[-1].text


def test_a_wrong_clock_is_noted():
    (finding,) = devices.check_clocks([status(drift_s=-93.0), status("yard", drift_s=2.0)])
    assert (finding.subject, finding.level) == ("gate", Level.NOTE)
    assert "1 min 33 s behind" in finding.text


def test_a_thousand_wrong_clocks_do_not_fill_the_screen():
    found = devices.check_clocks(status(f"d{n}", drift_s=-93.0) for n in range(100))
    assert len(found) == 1 + devices.SHOWN
    assert (found[-1].level, found[-1].text) == (Level.NOTE, "80 more devices with a wrong clock")


def test_a_connector_is_missed_only_for_protocols_that_are_spoken():
    running = [Instance(name, f"{name}-0", "0.1.0") for name in services.WITHOUT]
    assert services.check_running(running, [])[0].level is Level.OK
    (missed,) = services.check_running(running, ["dvrip", "dvrip"])
    assert (missed.subject, missed.level) == ("connector-dvrip", Level.PROBLEM)


def test_other_peoples_services_do_not_count_as_another_version():
    ours = Instance("recorder", "recorder-0", "0.1.0")
    (finding,) = services.check_versions([ours, Instance("somebody", "x", "9.9")], "0.1.0")
    assert finding.level is Level.OK
    assert services.check_versions([ours], "0.2.0")[0].level is Level.NOTE


def test_metrics_are_read_and_summed_over_their_labels():
    text = (
        "# HELP cambus_x_total X\n# TYPE cambus_x_total counter\n"
        'cambus_x_total{reason="a"} 2.0\ncambus_x_total{reason="b"} 1.5e+00\ncambus_y 1\npython_info 1\nbroken\n'
    )
    assert read_samples(text) == {"cambus_x_total": 3.5, "cambus_y": 1.0}


def test_a_recorder_that_could_not_write_is_noted():
    instance = Instance("recorder", "recorder-0", "0.1.0", {"http": "http://127.0.0.1:1"})
    samples = {"cambus_recorder_write_failures_total": 2.0, "cambus_recorder_disk_free_bytes": 10.0 * 2**30}
    found = services.check_probes([Probe(instance, True, True, "", samples)])
    assert [(each.level, each.text) for each in found] == [
        (Level.NOTE, "2 writes the disk refused since it started"),
        (Level.OK, "10 GiB free on the disk of the recordings"),
    ]
    (unreachable,) = services.check_probes([Probe(instance)])
    assert unreachable.level is Level.NOTE
    (full,) = services.check_probes([Probe(instance, True, True, "", {complaints.DISK_METRIC: 0.0})])
    assert (full.level, full.text) == (Level.PROBLEM, "0 B free on the disk of the recordings")


def test_a_bucket_that_is_nearly_full_is_a_problem():
    config = {"name": "KV_x", "discard": "new", "max_bytes": 100}
    (finding,) = (
        each
        for each in nats.check_assets({"KV_x": {"config": config, "state": {"bytes": 95}}})
        if "KV_x holds" in each.text
    )
    assert finding.level is Level.PROBLEM
    replicas = [{"name": "nats-1", "current": True}, {"name": "nats-2", "current": False}]
    behind = {"config": config, "state": {"bytes": 0}, "cluster": {"replicas": replicas}}
    assert any(
        "nats-2" in each.text and "nats-1" not in each.text for each in nats.check_assets({"KV_x": behind})
    )


async def went_offline(*reasons):
    for seq, reason in enumerate(reasons):
        event = DeviceOffline(
            id=f"01ARZ3NDEKTSV4RRFFQ69G5FA{seq}", device="gate", protocol="dvrip", at=NOW, reason=reason
        )
        yield ReceivedEvent(
            "device.offline", event, "cambus.v1.evt.gate.device.offline", {}, b"", seq, 1, NOW
        )


async def test_a_device_that_comes_and_goes_is_told():
    (finding,) = await devices.check_flapping(went_offline("connection-lost", "keepalive-lost", "replaced"))
    assert (finding.subject, finding.level) == ("gate", Level.PROBLEM)
    assert "3 times" in finding.text


async def test_a_device_is_not_blamed_for_connectors_that_come_and_go():
    reasons = ("ownership-lost", "handed-over", "record-changed", "ownership-lost", "connection-lost")
    assert await devices.check_flapping(went_offline(*reasons)) == []
