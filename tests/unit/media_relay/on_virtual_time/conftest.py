"""Tests that wait for minutes, and take none: see tests/support/virtual_time.py."""

from virtual_time import loop, pytest_asyncio_loop_factories

__all__ = ["loop", "pytest_asyncio_loop_factories"]
