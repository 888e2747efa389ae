"""All that is logged and all that is said on the bus, for tests that look for what must not be there."""

import contextlib
import logging


class _Everything(logging.Handler):
    def __init__(self):
        super().__init__(logging.DEBUG)
        self.texts = []

    def emit(self, record):
        self.texts.append(f"{record.getMessage()} {vars(record)!r}")


@contextlib.contextmanager
def everything_logged():
    """The texts of all that is logged, with everything that goes with them; at debug."""
    handler, root = _Everything(), logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    try:
        yield handler.texts
    finally:
        root.setLevel(level)
        root.removeHandler(handler)


@contextlib.asynccontextmanager
async def everything_said(bus):
    """Subject, data and headers of every message on the bus: events, commands, and what is written to buckets."""
    messages = []
    subscription = await bus.subscribe(
        ">", lambda message: messages.append((message.subject, message.data, dict(message.headers or {})))
    )
    await bus.flush()
    try:
        yield messages
    finally:
        await subscription.close()
