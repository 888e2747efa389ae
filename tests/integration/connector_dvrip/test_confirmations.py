"""What destroys or interrupts is done only when it says so: without a confirmation nothing reaches the device."""

import json

import pytest

from cambus.schemas.catalog import DEVICE_COMMANDS
from cambus.schemas.headers import SERVICE_ERROR_CODE

CONFIRMED = {name: spec for name, spec in DEVICE_COMMANDS.items() if spec.confirm}


@pytest.fixture
def asked(simulator, monkeypatch):
    """The ids of what the device is asked, keepalives left out."""
    ids = []
    receive = simulator.role._receive_packet

    def seen(connection, packet):
        if packet.header.message_id != 1006:
            ids.append(packet.header.message_id)
        receive(connection, packet)

    monkeypatch.setattr(simulator.role, "_receive_packet", seen)
    return ids


@pytest.mark.parametrize("said", [{}, {"confirm": False}], ids=["nothing", "no"])
async def test_nothing_reaches_the_device_unless_confirmed(bench, simulator, device, asked, said):
    assert len(CONFIRMED) > 10
    await bench.online(device, simulator, options={"alarms": False})
    asked.clear()
    for name, spec in CONFIRMED.items():
        example = spec.request.model_config["json_schema_extra"]["examples"][0]
        body = {key: value for key, value in example.items() if key != "confirm"} | said
        answer = await bench.bus.request(spec.subject(device), json.dumps(body).encode(), timeout_s=30)
        assert answer.headers[SERVICE_ERROR_CODE] in {"400", "501"}, name
        assert answer.headers[SERVICE_ERROR_CODE] == "501" or b"confirm" in answer.data, name
    assert asked == []
