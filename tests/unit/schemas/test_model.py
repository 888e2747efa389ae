"""The value types fields are made of: instants, secrets, bytes, free JSON; strict and tight-lipped."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from pydantic import Field, ValidationError

from cambus.schemas.model import (
    MAX_NESTING,
    REVEAL_SECRETS,
    Binary,
    Confirmed,
    FreeJson,
    Instant,
    JsonObject,
    Message,
    Secret,
    Vocabulary,
)

CANARY = "canary-5f1e0c77"


class Colour(Vocabulary):
    RED = "red"


class Sample(Message):
    count: int = 0
    ratio: float = 0.0
    flag: bool = False
    name: str = ""
    at: Instant | None = None
    colour: Colour | None = None
    secret: Secret | None = None
    data: Binary | None = None
    free: FreeJson = None
    fields: JsonObject = Field(default_factory=dict)


class Order(Message):
    confirm: Confirmed


def nested(levels: int) -> object:
    value: object = 1
    for _ in range(levels):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-02-01T12:17:22Z", datetime(2026, 2, 1, 12, 17, 22, tzinfo=UTC)),
        ("2026-02-01T20:17:22.25+08:00", datetime(2026, 2, 1, 12, 17, 22, 250000, tzinfo=UTC)),
    ],
)
def test_an_instant_is_read_from_rfc_3339_and_kept_in_utc(text: str, expected: datetime) -> None:
    at = Sample.model_validate({"at": text}).at
    assert at == expected
    assert at is not None
    assert at.utcoffset() == timedelta(0)


def test_an_instant_is_written_as_rfc_3339_with_z() -> None:
    local = datetime(2026, 2, 1, 20, 17, 22, tzinfo=timezone(timedelta(hours=8)))
    assert Sample(at=local).model_dump(mode="json")["at"] == "2026-02-01T12:17:22Z"


@pytest.mark.parametrize(
    "value",
    [
        "2026-02-01T12:17:22",
        "2026-02-01",
        "2026-02-01 12:17:22Z",
        "2026-02-30T12:17:22Z",
        "20260201T121722Z",
        "yesterday",
        "1769948242",
        1769948242,
        1769948242.5,
        datetime(2026, 2, 1, 12, 17, 22),  # noqa: DTZ001  # no zone is what the test is about
        "2026-02-01T12:17:22Z\n",
    ],
)
def test_an_instant_without_a_zone_or_as_a_number_is_refused(value: object) -> None:
    with pytest.raises(ValidationError, match="at"):
        Sample.model_validate({"at": value})


@pytest.mark.parametrize(
    "fields",
    [
        {"count": "5"},
        {"count": 5.0},
        {"count": True},
        {"ratio": "0.5"},
        {"flag": 1},
        {"flag": "true"},
        {"name": 5},
        {"name": b"text"},
        {"colour": "green"},
        {"colour": 1},
    ],
)
def test_scalars_are_strict(fields: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Sample.model_validate(fields)


def test_a_whole_number_is_a_fine_ratio() -> None:
    assert Sample.model_validate({"ratio": 1}).ratio == 1.0


@pytest.mark.parametrize("ratio", [float("nan"), float("inf"), float("-inf")])
def test_numbers_that_are_none_are_refused(ratio: float) -> None:
    with pytest.raises(ValidationError):
        Sample.model_validate({"ratio": ratio})


def test_a_word_of_a_list_is_read_and_written_as_text() -> None:
    sample = Sample.model_validate({"colour": "red"})
    assert sample.colour is Colour.RED
    assert sample.model_dump(mode="json")["colour"] == "red"


def test_messages_do_not_change() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        Sample().count = 1


def test_a_secret_shows_in_no_dump_and_no_text() -> None:
    sample = Sample.model_validate({"secret": CANARY})
    shown = [repr(sample), str(sample), sample.model_dump_json(), str(sample.model_dump()), f"{sample!r:>5}"]
    assert not [text for text in shown if CANARY in text]


def test_a_secret_shows_only_under_the_key_of_the_codec() -> None:
    sample = Sample.model_validate({"secret": CANARY})
    assert CANARY not in sample.model_dump_json(context={"other": True})
    assert CANARY not in sample.model_dump_json(context={REVEAL_SECRETS: "yes"})
    assert CANARY in sample.model_dump_json(context={REVEAL_SECRETS: True})


def test_an_error_does_not_repeat_the_value() -> None:
    with pytest.raises(ValidationError) as caught:
        Sample.model_validate({"secret": [CANARY], "count": CANARY, "at": CANARY, "data": CANARY + "!"})
    assert CANARY not in str(caught.value)


def test_bytes_are_base64_on_the_bus() -> None:
    sample = Sample(data=b"\xff\x00")
    assert sample.model_dump(mode="json")["data"] == "/wA="
    assert Sample.model_validate({"data": "/wA="}) == sample
    assert Sample.model_validate_json('{"data":"/wA="}') == sample


@pytest.mark.parametrize("value", ["!", "abc", 5, ["/wA="], "/w A="])
def test_bytes_that_are_no_base64_are_refused(value: object) -> None:
    with pytest.raises(ValidationError, match="base64"):
        Sample.model_validate({"data": value})


@pytest.mark.parametrize("field", ["free", "fields"])
def test_free_json_nests_so_deep_and_no_deeper(field: str) -> None:
    def wrap(value: object) -> object:
        return {"a": value} if field == "fields" else [value]

    Sample.model_validate({field: wrap(nested(MAX_NESTING - 1))})
    with pytest.raises(ValidationError, match="levels of nesting"):
        Sample.model_validate({field: wrap(nested(MAX_NESTING))})


def test_free_json_takes_only_what_json_has() -> None:
    with pytest.raises(ValidationError):
        Sample.model_validate({"free": {"a": b"bytes"}})


@pytest.mark.parametrize(
    "body", [{}, {"confirm": False}, {"confirm": 1}, {"confirm": "true"}, {"confirm": None}]
)
def test_a_destructive_command_without_confirmation_is_refused(body: dict[str, object]) -> None:
    with pytest.raises(ValidationError, match="confirm"):
        Order.model_validate(body)


def test_a_confirmed_command_is_accepted() -> None:
    assert Order.model_validate({"confirm": True}).confirm is True


@pytest.mark.parametrize("value", [2**64, -(2**63) - 1, float("nan"), float("inf")])
def test_free_json_holds_only_numbers_every_reader_has(value: float) -> None:
    with pytest.raises(ValidationError, match="free"):
        Sample(free={"a": [value]})


def test_a_literal_nan_in_json_is_refused() -> None:
    with pytest.raises(ValidationError, match="free"):
        Sample.model_validate_json('{"free":[NaN]}')


def test_free_json_holds_numbers_of_64_bits() -> None:
    assert Sample(free=[2**64 - 1, -(2**63)]).free == [2**64 - 1, -(2**63)]
