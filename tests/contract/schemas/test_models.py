"""Every model of the bus: its example, both encodings, its JSON Schema, and what it refuses."""

import functools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgpack
import pytest
from jsonschema import Draft7Validator, Draft202012Validator
from pydantic import BaseModel

from cambus.schemas.asyncapi_components import schemas
from cambus.schemas.codec import JSON, MSGPACK, decode, encode
from cambus.schemas.errors import BadRequest
from cambus.schemas.model import Message
from cambus.schemas.registry import declared_example, example_of, models

PUBLISHED = Path(__file__).resolve().parents[3] / "proto-schemas"
MODELS = models()
STRANGE: tuple[Any, ...] = (
    {"no-such-field": [1.5]},
    [{"no-such-field": 1.5}],
    17.5,
    "\x01 strange",
    True,
    -7,
)


@functools.cache
def definitions() -> dict[str, Any]:
    return schemas("#/$defs/{model}")


def every_model(check: Callable[[type[Message]], None]) -> Callable[[], None]:
    """A test that holds for every model; a failure says for which it does not."""

    def test() -> None:
        for name, model in MODELS.items():
            try:
                check(model)
            except BaseException as failure:
                failure.add_note(f"the model is {name}")
                raise

    return test


def published_schema(model: type[Message]) -> dict[str, Any]:
    schema: dict[str, Any] = json.loads((PUBLISHED / f"jsonschema/{model.__name__}.json").read_text())
    return schema


@every_model
def test_the_example_goes_there_and_back_in_both_encodings(model: type[Message]) -> None:
    example = example_of(model)
    for content_type in (MSGPACK, JSON):
        assert decode(model, encode(example, content_type), content_type) == example


@every_model
def test_the_published_examples_are_the_declared_one(model: type[Message]) -> None:
    example = example_of(model)
    as_json = (PUBLISHED / f"examples/{model.__name__}.json").read_bytes()
    as_hex = (PUBLISHED / f"examples/{model.__name__}.msgpack.hex").read_text()
    assert decode(model, as_json, JSON) == example
    assert decode(model, bytes.fromhex(as_hex.replace("\n", "")), MSGPACK) == example


@every_model
def test_the_published_schema_is_sound_and_takes_the_examples(model: type[Message]) -> None:
    schema = published_schema(model)
    for validator in (Draft202012Validator, Draft7Validator):
        validator.check_schema(schema)
    Draft202012Validator(schema).validate(declared_example(model))
    Draft202012Validator(schema).validate(json.loads(encode(example_of(model), JSON)))


@every_model
def test_the_example_names_only_fields_there_are(model: type[Message]) -> None:
    def check(declared: Any, parsed: Any) -> None:
        if isinstance(parsed, BaseModel):
            assert set(declared) <= set(type(parsed).model_fields)
            for name, value in declared.items():
                check(value, getattr(parsed, name))
        elif isinstance(parsed, list):
            for one, other in zip(declared, parsed, strict=True):
                check(one, other)

    check(declared_example(model), example_of(model))


@every_model
def test_unknown_fields_are_ignored(model: type[Message]) -> None:
    body = declared_example(model) | {"field_of_a_later_release": {"deep": [1, None]}}
    example = example_of(model)
    assert decode(model, msgpack.packb(body), MSGPACK) == example
    assert decode(model, json.dumps(body).encode(), JSON) == example


@every_model
def test_every_field_is_described(model: type[Message]) -> None:
    for name, field in model.model_fields.items():
        assert field.description, f"{name} has no description"
        assert field.description[0].isupper() or field.description[0] == "`", (
            f"{name}: begins with a small letter"
        )
        assert field.description.endswith("."), f"{name}: ends without a full stop"
    assert model.__doc__
    assert model.__doc__ not in {base.__doc__ for base in model.__bases__}


@every_model
def test_what_the_schema_refuses_is_refused_by_name(model: type[Message]) -> None:
    refused = 0
    for name in model.model_fields:
        schema = {**definitions()[model.__name__]["properties"][name], "$defs": definitions()}
        for value in STRANGE:
            if Draft202012Validator(schema).is_valid(value):
                continue
            refused += 1
            body = declared_example(model) | {name: value}
            for data, content_type in ((msgpack.packb(body), MSGPACK), (json.dumps(body).encode(), JSON)):
                with pytest.raises(BadRequest) as caught:
                    decode(model, data, content_type)
                assert caught.value.text.startswith((f"{model.__name__}: {name}", f"{model.__name__}: body"))
                assert name in caught.value.text
    assert refused or not model.model_fields


@every_model
def test_each_required_field_is_missed_by_name(model: type[Message]) -> None:
    for name in [name for name, field in model.model_fields.items() if field.is_required()]:
        body = {key: value for key, value in declared_example(model).items() if key != name}
        with pytest.raises(BadRequest) as caught:
            decode(model, msgpack.packb(body), MSGPACK)
        assert f"{name}: Field required" in caught.value.text


@functools.cache
def secret_fields() -> list[tuple[type[Message], str]]:
    return [
        (model, name)
        for model in MODELS.values()
        for name in model.model_fields
        if "password" in json.dumps(definitions()[model.__name__]["properties"][name].get("format", ""))
        or any(
            option.get("format") == "password"
            for option in definitions()[model.__name__]["properties"][name].get("anyOf", [])
        )
    ]


@pytest.mark.parametrize(("model", "name"), secret_fields())
def test_a_secret_field_shows_only_through_the_codec(model: type[Message], name: str) -> None:
    canary = "canary-5f1e0c77"
    message = model.model_validate(declared_example(model) | {name: canary})
    assert canary not in repr(message) + str(message) + message.model_dump_json() + str(message.model_dump())
    assert canary.encode() in encode(message, MSGPACK)
    assert canary.encode() in encode(message, JSON)


def test_secret_fields_are_found() -> None:
    assert ("UsersAddRequest", "password") in {(model.__name__, name) for model, name in secret_fields()}


@every_model
def test_a_field_named_like_a_secret_is_one(model: type[Message]) -> None:
    named = {name for name in model.model_fields if name.endswith(("password", "passphrase", "token"))}
    assert named <= {name for found, name in secret_fields() if found is model}


def test_a_model_without_an_example_of_its_own_is_found_out() -> None:
    class Silent(Message):
        """Says nothing of itself."""

    class Heir(MODELS["PtzMoveRequest"]):  # type: ignore[name-defined, misc]  # made for this test
        """Has only its parent's example."""

    for model in (Silent, Heir):
        with pytest.raises(LookupError, match="declares no example"):
            declared_example(model)
