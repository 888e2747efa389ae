"""Alarms about the recorder's own disk: it is full, it fails; each is raised once and cleared once.

Their device is the replica itself. What was raised is noted in the index, so that a restart clears what is over.
"""

import logging
from datetime import UTC, datetime

from cambus.bus.events import EventPublisher
from cambus.client.errors import BusError
from cambus.recorder.index import Index
from cambus.schemas.alarms import AlarmType, alarm_key, default_severity
from cambus.schemas.events.alarm import CLEARED, RAISED, AlarmCleared, AlarmRaised
from cambus.schemas.ids import new_ulid

logger = logging.getLogger(__name__)


class DiskAlarms:
    """Brings what was told into line with what is.

    Args:
        publisher: where they go.
        index: where what was told is noted.
        replica: whose disk it is.
    """

    def __init__(self, publisher: EventPublisher, index: Index, replica: str) -> None:
        self._publisher = publisher
        self._index = index
        self._replica = replica
        self._raised: set[str] | None = None

    async def tell(self, kind: AlarmType, active: bool, text: str) -> None:
        """Raise or clear an alarm if that is news; what cannot be told now is told by the next call."""
        try:
            if self._raised is None:
                self._raised = self._index.alarms()
            if active == (kind.value in self._raised):
                return
            if active:
                await self._publisher.publish(RAISED, self._raise(kind, text))
                self._raised.add(kind.value)
            else:
                await self._publisher.publish(CLEARED, self._clear(kind))
                self._raised.discard(kind.value)
            self._index.note_alarm(kind.value, raised=active)
        except (BusError, OSError) as error:
            logger.warning("an alarm waits to be told", extra={"alarm": kind.value, "reason": str(error)})

    def _raise(self, kind: AlarmType, text: str) -> AlarmRaised:
        return AlarmRaised(
            id=new_ulid(),
            device=self._replica,
            at=datetime.now(UTC),
            type=kind,
            severity=default_severity(kind),
            key=alarm_key(kind, None, "recorder"),
            text=text,
        )

    def _clear(self, kind: AlarmType) -> AlarmCleared:
        return AlarmCleared(
            id=new_ulid(),
            device=self._replica,
            at=datetime.now(UTC),
            type=kind,
            severity=default_severity(kind),
            key=alarm_key(kind, None, "recorder"),
        )
