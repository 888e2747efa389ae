"""An alarm that came to the alarm centre, on its way to the replica that holds the device.

A device dials whichever replica its network leads it to. The alarm belongs to the one that holds its session: that one
knows the zone of its clock, and which alarms have begun. So it is handed on as a command of our own.
"""

from pydantic import Field

from cambus.schemas.model import Done, JsonObject, Message
from cambus.schemas.spec import CommandSpec


class PushedAlarm(Message):
    """A message to the alarm centre, as it was received. Unauthenticated: anybody may have sent it."""

    body: JsonObject = Field(description="The body of the 1508 (DVRIP §12).")


PUSHED: CommandSpec[PushedAlarm, Done] = CommandSpec(
    "dvrip", "alarm", PushedAlarm, Done, "Hand an alarm on that came to another replica.", timeout_s=5.0
)
