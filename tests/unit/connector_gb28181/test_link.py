"""Why a device is offline, as the bus tells it (GB-041, GB-042, GB-048, GB-053)."""

import pytest

from cambus.connector.errors import EndReason
from cambus.connector_gb28181.link import GbLink
from cambus.gb28181.registrar import OfflineReason

REASONS = {
    OfflineReason.MISSED: EndReason.KEEPALIVE_LOST,
    OfflineReason.EXPIRED: EndReason.SESSION_EXPIRED,
    OfflineReason.UNREGISTERED: EndReason.FORCED_LOGOUT,
    OfflineReason.CONNECTION_CLOSED: EndReason.CONNECTION_LOST,
    OfflineReason.SUPERSEDED: EndReason.REPLACED,
    OfflineReason.REMOVED: EndReason.REMOVED,
}


@pytest.mark.parametrize("reason", list(OfflineReason))
async def test_every_way_to_go_has_its_reason_on_the_bus(reason):
    link = GbLink(None, lambda _link: None)
    link.offline(reason)
    assert (await link.over).reason is REASONS[reason]
