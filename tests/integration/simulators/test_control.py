"""The HTTP control of running devices."""

import aiohttp
import pytest

from cambus.simulators.dvrip import DvripSimulator
from cambus.simulators.dvrip.control import ControlServer


@pytest.fixture
async def control(sim):
    """Calls the control API of two devices."""
    async with DvripSimulator(user="admin", password="canary-7731", channels=1, index=1) as second:
        server = ControlServer([sim, second])
        await server.start()
        async with aiohttp.ClientSession(f"http://127.0.0.1:{server.port}") as session:

            async def call(method, path, **body):
                async with session.request(method, path, json=body if method == "POST" else None) as response:
                    is_json = response.content_type == "application/json"
                    return response.status, await response.json() if is_json else await response.read()

            call.devices = [sim, second]
            yield call
        await server.close()


async def test_state_shows_all_devices_or_one_and_no_secret(control):
    status, state = await control("GET", "/state")
    assert status == 200
    assert [each["port"] for each in state["devices"]] == [device.port for device in control.devices]
    _, one = await control("GET", "/state?device=1")
    assert one["serial"] == "003344230001"
    assert "canary-7731" not in str(state)
    assert "Password" not in str(state)


async def test_alarms_are_raised_and_end(control, clients):
    sim = control.devices[0]
    client = await clients(sim.port, login=True)
    await client.ask(1500, {})
    assert (await control("POST", "/alarm", event="tamper", channel=1, seconds=0.1)) == (200, {"raised": 1})
    assert (await client.read_id(1504)).json["AlarmInfo"]["Event"] == "VideoBlind"
    assert (await client.read_id(1504)).json["AlarmInfo"]["Status"] == "Stop"
    assert (await control("POST", "/alarm", count=100))[1] == {"raised": 100}
    for _ in range(100):
        await client.read_id(1504)


async def test_quirks_are_listed_set_and_reset(control):
    status, answer = await control(
        "POST", "/quirks", device=1, tail="crlf", delay_s="1020:0.5", offline_channels=[0]
    )
    assert status == 200
    second = control.devices[1].quirks
    assert (second.tail, second.delay_s, second.offline_channels) == ("crlf", {1020: 0.5}, {0})
    assert control.devices[0].quirks.tail == "lfnul"
    status, answer = await control("POST", "/quirks", device=1, tail="nonsense")
    assert status == 400
    assert "lfnul" in answer["error"]
    status, answer = await control("POST", "/quirks", device=1, nonsense=1)
    assert status == 400
    assert second.tail == "crlf"
    _, listed = await control("GET", "/quirks?device=1")
    assert listed["quirks"]["tail"] == "crlf"
    assert {"name", "values", "default", "doc"} == set(listed["known"][0])
    await control("POST", "/quirks", device=1, reset=True)
    assert second.tail == "lfnul"


async def test_devices_reboot_drop_go_offline_and_log_out(control, clients):
    sim = control.devices[0]
    client = await clients(sim.port, login=True)
    assert (await control("POST", "/logout"))[1] == {"sessions": 1}
    assert (await client.read_id(1004)).id == 1004
    assert (await control("POST", "/drop"))[1] == {"dropped": 1}
    assert await client.closed()
    assert (await control("POST", "/offline"))[0] == 200
    with pytest.raises(ConnectionRefusedError):
        await clients(sim.port)
    assert (await control("POST", "/online"))[0] == 200
    await clients(sim.port, login=True)
    assert (await control("POST", "/reboot", seconds=0.1))[0] == 200
    await sim.wait_for(lambda: sim.device.boots == 2)


async def test_faults_clock_and_settings(control, clients):
    sim = control.devices[0]
    client = await clients(sim.port, login=True)
    assert (await control("POST", "/inject", fault="wrong_flag"))[1] == {"connections": 1}
    assert (await client.reader.readexactly(1)) == b"\x7f"
    assert (await control("POST", "/inject", fault="nonsense"))[0] == 400
    assert (await control("POST", "/clock", time="2031-02-03 04:05:06"))[1]["local_time"].startswith(
        "2031-02-03"
    )
    assert (await control("POST", "/clock", offset_s=3600))[0] == 200
    assert sim.device.clock.offset.total_seconds() == 3600
    assert (await control("POST", "/config", name="General.General.MachineName", value="gate"))[1] == {
        "code": 100
    }
    assert (await control("GET", "/config?name=General.General.MachineName"))[1] == "gate"
    assert (await control("GET", "/config?name=Nonsense"))[0] == 400
    status, picture = await control("GET", "/snapshot?channel=1")
    assert (status, picture[:2]) == (200, b"\xff\xd8")


async def test_bad_calls_are_told_why(control):
    assert (await control("GET", "/state?device=9"))[0] == 400
    assert (await control("GET", "/state?device=x"))[0] == 400
    assert (await control("POST", "/alarm", status="Perhaps"))[0] == 400
    assert (await control("POST", "/clock", time="tomorrow"))[0] == 400
    assert (await control("POST", "/config"))[0] == 400
    assert (await control("POST", "/register", host="x"))[0] == 400
    assert (await control("POST", "/nonsense"))[0] == 404
