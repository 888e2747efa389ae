"""What a device is asked to tell on its own, for as long as it is there (§9, GB-200 to GB-209)."""

import asyncio
from typing import TYPE_CHECKING, Final

from cambus.gb28181.manscdp.alarms import AlarmQuery
from cambus.gb28181.subscriptions import Subscription, Topic, Wanted
from cambus.sip.events import RequestReceived

if TYPE_CHECKING:
    from cambus.connector_gb28181.session import GbSession

CATALOG_S: Final = 600
OTHERS_S: Final = 3600
POLL_S: Final = 600.0
"""How often a catalog is asked for where it can not be subscribed to."""


class Subscriptions:
    """The subscriptions to one device.

    Args:
        session: of the device.

    Attributes:
        kept: one for each topic that is wanted.
    """

    def __init__(self, session: "GbSession") -> None:
        self._session = session
        self.kept = tuple(
            self._make(Topic(topic)) for topic in dict.fromkeys(session.device.options.subscribe)
        )

    async def run(self) -> None:
        """Keep them, once the device has been asked what it is, until cancelled; then end them."""
        await self._session.survey.asked.wait()
        async with asyncio.TaskGroup() as tasks:
            for subscription in self.kept:
                tasks.create_task(subscription.run(), name=f"subscription {self._session.device.id}")

    def _make(self, topic: Topic) -> Subscription:
        session = self._session
        return Subscription(
            session.device.hub.signalling.platform,
            session.code,
            self._wanted(topic),
            self._notified,
            poll=session.survey.again if topic is Topic.CATALOG else None,
            poll_s=POLL_S,
            unsupported=session.device.unsupported,
        )

    def _wanted(self, topic: Topic) -> Wanted:
        options = self._session.device.options
        least, most = options.alarm_priorities
        return Wanted(
            topic,
            CATALOG_S if topic is Topic.CATALOG else OTHERS_S,
            options.subscribe_event,
            options.position_interval_s,
            AlarmQuery(least, most, "/".join(map(str, options.alarm_methods)) or "0"),
        )

    def _notified(self, event: RequestReceived) -> None:
        self._session.device.hub.signalling.platform.notified(event, self._session.code)
