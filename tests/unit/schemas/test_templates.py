"""Templates know one closed list of names, and patterns cannot stall."""

import pytest
from pydantic import BaseModel, ValidationError

from cambus.schemas.template import Template, fill, places
from cambus.schemas.text_pattern import MAX_TEXT, TextPattern, found


class Holder(BaseModel):
    template: Template = ""
    pattern: TextPattern = "x"


def test_places_are_filled_in_and_braces_stay() -> None:
    text = Holder(template="{{{device}}} {type}: {text}").template
    values = {"device": "gate-1", "type": "motion", "text": "{device} {{x}}"}
    assert fill(text, values) == "{gate-1} motion: {device} {{x}}"
    assert fill(text, values, str.upper).startswith("{GATE-1} MOTION")
    assert places(text) == {"device", "type", "text"}


@pytest.mark.parametrize(
    "text", ["{nobody}", "{device.id}", "{device!r}", "{0}", "{}", "{device", "}", "{device:>9}"]
)
def test_what_is_no_place_is_refused(text: str) -> None:
    with pytest.raises(ValidationError):
        Holder(template=text)


@pytest.mark.parametrize(
    ("pattern", "text", "there"),
    [
        ("gate", "the gate", True),
        ("^gate", "the gate", False),
        ("(?i)GATE$", "the gate", True),
        ("东门", "在东门", True),
    ],
)
def test_a_pattern_is_found_anywhere(pattern: str, text: str, there: bool) -> None:
    assert found(Holder(pattern=pattern).pattern, text) is there


@pytest.mark.parametrize("pattern", ["(?=a)b", r"(a)\1", "[", "a{1000}{1000}", ""])
def test_a_pattern_that_would_need_backtracking_is_refused(pattern: str) -> None:
    with pytest.raises(ValidationError) as refused:
        Holder(pattern=pattern)
    assert "pattern" in str(refused.value)


@pytest.mark.parametrize("pattern", ["(a+)+$", "(a|aa)+$", "(.*a){20}$", "(?:a?){60}a{60}b"])
def test_what_stalls_other_engines_ends(pattern: str) -> None:
    assert not found(Holder(pattern=pattern).pattern, "a" * (MAX_TEXT - 1) + "!")
