"""Plugins every test run uses, whichever part of the tests it runs, and what makes its start short."""

import gc
from collections.abc import Generator

import pytest

pytest_plugins = ["ledger_plugin", "memory_plugin", "pytester", "warm_starts"]


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Look for no garbage while thousands of tests are collected, and never again among them: they stay."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()
