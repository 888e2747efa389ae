"""Plugins every test run uses, whichever part of the tests it runs."""

pytest_plugins = ["ledger_plugin", "pytester"]
