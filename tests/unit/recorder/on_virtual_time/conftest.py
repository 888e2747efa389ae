"""These tests run on a clock that jumps to whatever is awaited."""

from virtual_time import loop, pytest_asyncio_loop_factories

__all__ = ["loop", "pytest_asyncio_loop_factories"]
