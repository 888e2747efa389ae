"""Every rule the documentation shows is one that can do what it says."""

import re
from pathlib import Path

import pytest
import yaml

from cambus.alarm_router.rule_check import problems
from cambus.schemas.state.alarm_rule import AlarmRule
from cambus.schemas.template import PLACES

ROOT = Path(__file__).resolve().parents[3]
PAGES = ["docs/how-to/alarms.md", "services/alarm-router/README.md"]


def rules() -> list[tuple[str, dict]]:
    found = []
    for page in PAGES:
        for block in re.findall(r"```yaml\n(.*?)```", (ROOT / page).read_text(encoding="utf-8"), re.DOTALL):
            document = yaml.safe_load(block)
            found += [(page, rule) for rule in (document if isinstance(document, list) else [document])]
    return found


@pytest.mark.parametrize(
    ("page", "rule"), rules(), ids=lambda value: value if isinstance(value, str) else value["id"]
)
def test_a_rule_of_the_documentation_can_be_applied(page: str, rule: dict) -> None:
    read = AlarmRule.model_validate(rule)
    assert problems(read) == []
    known = AlarmRule.model_fields
    assert set(rule) <= set(known)


def test_the_documentation_names_every_place_to_fill_in() -> None:
    page = (ROOT / PAGES[0]).read_text(encoding="utf-8")
    assert [name for name in PLACES if f"`{{{name}}}`" not in page] == []
