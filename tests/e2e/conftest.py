"""What every end-to-end test shares: the folder of its stack, and no event loop of its own."""

import pytest


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest):
    """Where the services of one stack keep their data and their logs."""
    return tmp_path_factory.mktemp(request.module.__name__.rpartition(".")[2])
