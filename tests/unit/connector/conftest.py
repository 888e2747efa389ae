"""Nothing under test here does I/O: an hour of back-off takes no time at all, and always ends in the same order."""

from virtual_time import loop, pytest_asyncio_loop_factories

__all__ = ["loop", "pytest_asyncio_loop_factories"]
