"""A message from elsewhere than its device registered from, by the option of its record (GB-045, GB-057)."""

import pytest

from cambus.simulators.gb28181.quirks import Quirks


@pytest.mark.parametrize(("challenged", "status"), [(True, b"SIP/2.0 401 "), (False, b"SIP/2.0 403 ")])
async def test_it_is_refused_or_challenged_as_the_record_says(bench, gate, challenged, status):
    simulator = await bench.online(
        gate, record={"options": {"challenge_strangers": challenged}}, quirks=Quirks()
    )
    simulator.quirks.keepalive_from = "port"
    simulator.beat()
    await simulator.wait_for(lambda: simulator.elsewhere.heard)
    assert simulator.elsewhere.heard[0].startswith(status)
