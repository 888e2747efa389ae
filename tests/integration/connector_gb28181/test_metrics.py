"""What can be seen of the connector from outside, and what can not."""

import re
from pathlib import Path

import pytest

from cambus.connector_gb28181.metrics import DROPS, REFUSALS, SIP
from cambus.gb28181 import admission, platform, registrar, running_session
from cambus.gb28181.manscdp.ptz_state import PresetList
from cambus.schemas.commands import ptz
from cambus.schemas.errors import BadRequest
from cambus.simulators.gb28181.quirks import Quirks
from cambus.sip import connections, endpoint, framing, layer, transports

STRANGER = "34020000001320000077"


def rendered(bench):
    return bench.connectors["replica-1"].service.runtime.metrics.render().decode()


@pytest.fixture
def counted(bench, eventually):
    """Waits until a series has counted something."""

    async def until(series):
        await eventually(lambda: re.search(series, rendered(bench)))

    return until


async def test_devices_sessions_and_commands_are_counted(bench, counted):
    await bench.online(profile="hik_nvr", channels=2)
    await bench.shown("gate", lambda presence: len(presence.channels) == 2)
    await counted(r"cambus_gb28181_registered 1\.0")
    watched = await bench.view("gate", 1)
    await watched.until(lambda frames: any(frame.keyframe for frame in frames))
    await counted(r'cambus_gb28181_media_sessions\{purpose="play"\} 1\.0')
    await bench.client.call(ptz.STOP, ptz.PtzChannelRequest(channel=0), device="gate")
    with pytest.raises(BadRequest):
        await bench.client.call(ptz.PRESET_GOTO, ptz.PtzPresetRequest(channel=0, preset=999), device="gate")
    text = rendered(bench)
    for series in (
        r'cambus_connector_devices\{protocol="gb28181",state="online"\} 1\.0',
        r'cambus_media_frames_total\{codec="h26[45]",kind="video",protocol="gb28181"\} [1-9]',
        r'cambus_commands_total\{code="400",command="ptz\.preset\.goto"\} 1\.0',
    ):
        assert re.search(series, text), series
    labels = set(re.findall(r'="([^"]*)"', text))
    assert not [label for label in labels if re.search(r"\d{10}|127\.0\.0\.1|cambus\.v1", label)]
    assert "gate" not in labels


async def test_who_is_refused_and_what_is_dropped_is_counted_by_reason(bench, counted):
    await bench.online(profile="hik_nvr")
    await bench.simulator(STRANGER)
    await counted(r'cambus_gb28181_refusals_total\{reason="unknown"\} [1-9]')
    await bench.add("other", "34020000001320000078")
    await bench.simulator("34020000001320000078", password="wrong")
    await counted(r'cambus_gb28181_refusals_total\{reason="wrong-password"\} [1-9]')


async def test_answers_that_nobody_waits_for_and_messages_that_come_twice_are_counted(bench, counted):
    quirks = Quirks(duplicate={"Keepalive", "PresetQuery"})
    simulator = await bench.online(profile="hik_nvr", quirks=quirks)
    await bench.shown("gate", lambda presence: presence.online and len(presence.channels) == 1)
    simulator.beat()
    await counted(r'cambus_gb28181_sip_faults_total\{fault="repeated-request"\} [1-9]')
    simulator.tell(PresetList(0))
    await counted(r'cambus_gb28181_drops_total\{reason="stray-answer"\} [1-9]')


def test_every_reason_the_libraries_count_by_has_a_label():
    found = set()
    for module in (admission, platform, registrar, running_session, connections, endpoint, layer, transports):
        source = Path(module.__file__).read_text()
        found |= set(re.findall(r'counts\["([a-z-]+)"\]', source))
        found |= set(re.findall(r'_refuse\("([a-z-]+)"\)', source))
    found |= set(re.findall(r'counts\["[a-z-]+" if .* else "([a-z-]+)"\]', Path(layer.__file__).read_text()))
    found |= set(re.findall(r'Noise\("([a-z-]+)"', Path(framing.__file__).read_text()))
    assert found <= {*REFUSALS, *DROPS, *SIP}
