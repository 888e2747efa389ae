"""How many examples a property is tried with: few in every run, many where there is time (`make test-all`)."""

import os
from typing import Final

PROFILE: Final = os.environ.get("HYPOTHESIS_PROFILE", "suite")


def examples(few: int, many: int) -> int:
    """For a property whose examples cost more, or prove less each, than those of others do."""
    return many if PROFILE == "thorough" else few
