"""What people are told about what went wrong."""

import pytest

from cambus.cli.explain import explain
from cambus.schemas.errors import Conflict


@pytest.mark.parametrize("passes", [True, False])
def test_waiting_is_advised_only_where_it_helps(passes: bool) -> None:
    told = explain(Conflict("campaign c1 is finished", reason="campaign-over", retryable=passes))
    assert ("wait" in told.hint) == passes
