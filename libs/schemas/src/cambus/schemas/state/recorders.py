"""The recorders there are, running or not: whoever searches is told which of them did not answer."""

from pydantic import Field

from cambus.schemas.ids import ReplicaId
from cambus.schemas.model import Instant, Message, example


class KnownRecorder(Message):
    """One replica of the recorder, and so one disk with recordings. A value of `cambus-policies`.

    It is written again every hour, and forgotten by the others a month after the last time. Deleting it tells
    them at once that its disk is gone for good.
    """

    model_config = example(replica="recorder-0", seen_at="2026-02-01T12:00:00Z")

    replica: ReplicaId = Field(description="Its stable name.")
    seen_at: Instant = Field(description="When it last said that it is there.")
