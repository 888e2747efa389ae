"""What templates are filled in with."""

import pytest

from cambus.alarm_router.notice import MAX_LINE, Notice
from cambus.schemas.events.alarm import AlarmRaised


def text_of(said: str) -> str:
    alarm = AlarmRaised(**AlarmRaised.model_config["json_schema_extra"]["examples"][0] | {"text": said})
    return Notice(alarm, "rule").values["text"]


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("Bewegung\r\nBcc: all@example.org\x00 东门\u2028!", "Bewegung Bcc: all@example.org 东门 !"),
        ("x" * MAX_LINE, "x" * MAX_LINE),
        ("x" * (MAX_LINE + 1), "x" * (MAX_LINE - 1) + "…"),
        (" " * 1_000_000 + "x", "…"),
    ],
)
def test_what_a_device_says_becomes_one_line_that_ends(said, told):
    assert text_of(said) == told
