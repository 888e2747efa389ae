"""The schemas of all messages, made once."""

from functools import cache
from typing import Any

from cambus.schemas.asyncapi_components import schemas
from cambus.schemas.model import Message
from cambus.schemas.registry import declared_example
from reference.markdown import json_block
from reference.shapes import Schema, fields


@cache
def definitions() -> dict[str, Schema]:
    """The schema of every model and word list, by name."""
    return schemas("#/{model}")


def schema_of(model: type[Message]) -> Schema:
    """The schema of one model."""
    return definitions()[model.__name__]


def fields_of(model: type[Message]) -> str:
    """The table of a model's fields."""
    return fields(schema_of(model))


def example_of(model: type[Message]) -> str:
    """The example a model declares, as a block; empty where it has no fields to show."""
    example: dict[str, Any] = declared_example(model)
    return json_block(example) if example else ""
