"""Nothing under test here does I/O: half a minute of a movement takes no time at all."""

from virtual_time import loop, pytest_asyncio_loop_factories

__all__ = ["loop", "pytest_asyncio_loop_factories"]
