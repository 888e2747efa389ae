"""The published files: up to date, complete, and an AsyncAPI document that holds together."""

import copy
import importlib.util
import shutil
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml

from cambus.schemas import assets, asyncapi
from cambus.schemas.catalog import DEVICE_COMMANDS, EVENTS, SERVICE_COMMANDS
from cambus.schemas.registry import models

ROOT = Path(__file__).resolve().parents[3]
PUBLISHED = ROOT / "proto-schemas"

Document = dict[str, Any]


def tool(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"cambus_tool_{name}", ROOT / "tools" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def generator() -> ModuleType:
    return tool("schemas")


@pytest.fixture(scope="module")
def checker() -> ModuleType:
    return tool("asyncapi_check")


@pytest.fixture(scope="module")
def document() -> Document:
    loaded: Document = yaml.load((PUBLISHED / "asyncapi.yaml").read_text(), Loader=yaml.CSafeLoader)
    return loaded


@pytest.fixture(scope="module")
def excerpt(document: Document) -> Document:
    """One command of the document and what it needs: enough to break."""
    parts = {
        "channels": ["ptz.move", "ptz.stop", "reply"],
        "operations": ["ptz.move"],
        "messages": ["PtzMoveRequest", "PtzChannelRequest", "Done", "ErrorReply"],
        "schemas": [
            "PtzMoveRequest",
            "PtzChannelRequest",
            "Done",
            "ErrorReply",
            "ErrorCode",
            "RequestHeaders",
        ],
        "parameters": ["device"],
    }
    parts["schemas"] += ["ReplyHeaders", "ErrorHeaders"]
    components = document["components"]
    part = {name: {key: document[name][key] for key in parts[name]} for name in ("channels", "operations")}
    reply = {name: {"$ref": f"#/components/messages/{name}"} for name in ("Done", "ErrorReply")}
    part["channels"]["reply"] = part["channels"]["reply"] | {"messages": reply}
    named = {name: {key: components[name][key] for key in parts[name]} for name in components}
    return {**document, **part, "components": named, "x-key-value": []}


def test_an_excerpt_holds_together(checker: ModuleType, excerpt: Document) -> None:
    assert checker.problems(excerpt) == []


def test_the_published_files_are_up_to_date(generator: ModuleType) -> None:
    assert generator.stale(PUBLISHED) == []


def test_a_stale_a_missing_and_a_foreign_file_are_found(generator: ModuleType, tmp_path: Path) -> None:
    target = tmp_path / "proto-schemas"
    shutil.copytree(PUBLISHED, target)
    (target / "examples/PtzMoveRequest.json").write_text("{}\n")
    (target / "examples/Done.json").unlink()
    (target / "left-over.json").write_text("{}")
    problems = generator.stale(target)
    assert len(problems) == 3
    assert problems[0] == "left-over.json: should not be there"
    assert "examples/Done.json: missing" in problems
    stale = next(problem for problem in problems if problem.startswith("examples/PtzMoveRequest.json: stale"))
    assert "+++ generated" in stale


def test_writing_repairs_the_folder(generator: ModuleType, tmp_path: Path) -> None:
    target = tmp_path / "proto-schemas"
    target.mkdir()
    (target / "left-over.json").write_text("{}")
    generator.write(target)
    assert generator.stale(target) == []
    assert (target / "asyncapi.yaml").read_bytes() == (PUBLISHED / "asyncapi.yaml").read_bytes()


def test_the_document_holds_together(checker: ModuleType, document: Document) -> None:
    assert checker.problems(document) == []


def test_every_command_and_event_is_in_the_document(document: Document) -> None:
    commands = {**DEVICE_COMMANDS, **SERVICE_COMMANDS}
    assert set(commands) <= set(document["operations"])
    for name, spec in commands.items():
        operation = document["operations"][name]
        channel = document["channels"][name]
        wanted = spec.subject(None if spec.service else "DEVICE").replace("DEVICE", "{device}")
        assert channel["address"] == wanted
        assert operation["action"] == "receive"
        assert operation["reply"]["messages"][0]["$ref"].endswith(f"/{spec.reply.__name__}")
        assert operation["reply"]["messages"][1]["$ref"].endswith("/ErrorReply")
    for spec in EVENTS.values():
        assert document["operations"][f"event.{spec.name}"]["action"] == "send"
        address = document["channels"][f"event.{spec.name}"]["address"]
        assert address == spec.subject("DEVICE").replace("DEVICE", "{device}")


def test_every_model_has_its_schema_in_the_document(document: Document) -> None:
    assert set(models()) <= set(document["components"]["schemas"])


def test_every_bucket_has_its_values_in_the_document() -> None:
    assert {bucket for bucket, _, _ in asyncapi.KEY_VALUES} == set(assets.KV_BUCKETS)


def test_no_description_says_none_where_the_bus_says_null(document: Document) -> None:
    def descriptions(node: Any) -> list[str]:
        if isinstance(node, dict):
            own = [node["description"]] if isinstance(node.get("description"), str) else []
            return own + [text for value in node.values() for text in descriptions(value)]
        return [text for value in node for text in descriptions(value)] if isinstance(node, list) else []

    assert not [text for text in descriptions(document["components"]["schemas"]) if "None" in text.split()]


def at(*path: str) -> Callable[[Document], Document]:
    def find(document: Document) -> Document:
        for part in path:
            document = document[part]
        return document

    return find


MOVE = ("operations", "ptz.move")
BREAKS: dict[str, tuple[Callable[[Document], Document], dict[str, Any], str]] = {
    "version": (at(), {"asyncapi": "2.6.0"}, "wanted 3.0.x"),
    "no title": (at(), {"info": {"version": "1"}}, "title and a version"),
    "no channels": (at(), {"channels": {}}, "channels: wanted some"),
    "unknown root field": (at(), {"topics": {}}, "topics: no such field"),
    "server without host": (at("servers"), {"nats": {"protocol": "nats"}}, "host and protocol"),
    "dead reference": (
        at("channels", "ptz.move", "messages"),
        {"request": {"$ref": "#/nowhere"}},
        "leads nowhere",
    ),
    "foreign reference": (
        at("channels", "ptz.move", "messages"),
        {"request": {"$ref": "https://example.org/schema"}},
        "leads nowhere",
    ),
    "wrong action": (at(*MOVE), {"action": "recieve"}, "send or receive"),
    "unknown operation field": (at(*MOVE), {"replies": []}, "replies: no such field"),
    "channel of the components": (
        at(*MOVE),
        {"channel": {"$ref": "#/components/messages/Done"}},
        "reference to a channel",
    ),
    "message of another channel": (
        at(*MOVE),
        {"messages": [{"$ref": "#/channels/ptz.stop/messages/request"}]},
        "no message of #/channels/ptz.move",
    ),
    "reply of another channel": (
        at(*MOVE, "reply"),
        {"messages": [{"$ref": "#/channels/ptz.stop/messages/request"}]},
        "reply: messages",
    ),
    "undeclared parameter": (at("channels", "ptz.move"), {"parameters": {}}, "wanted ['device']"),
    "placeholder twice": (at("channels", "ptz.move"), {"address": "a.{device}.{device}"}, "occurs twice"),
    "channel without messages": (at("channels", "reply"), {"messages": {}}, "messages"),
    "unknown channel field": (at("channels", "reply"), {"topic": "x"}, "topic: no such field"),
    "message without payload": (
        at("channels", "ptz.move", "messages"),
        {"request": {"name": "x"}},
        "has no payload",
    ),
    "unknown message field": (at("components", "messages", "Done"), {"body": {}}, "body: no such field"),
    "headers that are text": (
        at("components", "messages", "Done"),
        {"headers": {"type": "string"}},
        "schema of an object",
    ),
    "example that does not fit": (
        at("components", "messages", "PtzMoveRequest"),
        {"examples": [{"payload": {"channel": "zero"}}]},
        "channel: does not fit the payload",
    ),
    "schema that is none": (at("components", "schemas"), {"Bad": {"type": "colour"}}, "no JSON Schema"),
    "unknown parameter field": (
        at("components", "parameters", "device"),
        {"schema": {"type": "string"}},
        "schema: no such field",
    ),
}


@pytest.mark.parametrize(("find", "change", "complaint"), BREAKS.values(), ids=BREAKS)
def test_a_broken_document_is_found_out(
    checker: ModuleType,
    excerpt: Document,
    find: Callable[[Document], Document],
    change: dict[str, Any],
    complaint: str,
) -> None:
    broken = copy.deepcopy(excerpt)
    find(broken).update(change)
    problems = checker.problems(broken)
    assert any(complaint in problem for problem in problems), problems
