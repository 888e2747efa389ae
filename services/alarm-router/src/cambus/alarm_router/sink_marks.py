"""Which sink of a list is which after the list was changed.

A sink has no name of its own: it is the first, the second of its rule. What waits for it when somebody takes another
out of the list, or puts one before it, must neither go to a neighbour, who has it already, nor be lost.
"""

from collections.abc import Sequence
from hashlib import blake2b

from cambus.schemas.state.alarm_sinks import AlarmSink


def mark_of(sink: AlarmSink) -> str:
    """A short text that is another for another sink; nothing of the sink can be read from it."""
    return blake2b(sink.model_dump_json().encode(), digest_size=6).hexdigest()


def successor(before: Sequence[str], now: Sequence[str], index: int) -> int | None:
    """Where the sink is now that was at `index` of the list `before`, both as marks; None if it was taken out.

    What is in one list only was changed: the first of the old ones became the first of the new ones, and so on.
    """
    if before == now:
        return index
    if before[index] in now:
        return now.index(before[index])
    gone = [place for place, mark in enumerate(before) if mark not in now]
    new = [place for place, mark in enumerate(now) if mark not in before]
    return dict(zip(gone, new, strict=False)).get(index)
