"""What breaks the promises of the last release is found, rule by rule; what does not is let through."""

import copy

import compatibility
import contract
import pytest

TEXT = {"type": "string"}
NUMBER = {"type": "integer", "minimum": 0, "maximum": 10}
WORDS = {"enum": ["left", "right"], "type": "string"}


def model(required=(), **fields):
    return {"type": "object", "properties": fields, "required": sorted(required)}


@pytest.fixture
def old():
    """A small bus: a command, an event, a stored value."""
    return {
        "encodings": ["application/json"],
        "headers": ["Nats-Msg-Id"],
        "errors": [400],
        "assets": ["cambus-devices"],
        "commands": {
            "siren.sound": {
                "subject": "s.siren.sound",
                "request": "Ask",
                "reply": "Answer",
                "broadcast": False,
            }
        },
        "events": {"siren.sounded": {"subject": "e.siren.sounded", "model": "Told"}},
        "values": {"cambus-devices <device>": "Kept"},
        "exchanges": {},
        "models": {
            "Ask": model(
                ["channel"],
                channel=NUMBER,
                way=WORDS,
                text={"anyOf": [{"type": "string", "maxLength": 5}, {"type": "null"}]},
                parts={"type": "array", "items": {"$ref": "Part"}, "maxItems": 4},
                free={},
            ),
            "Part": model(["size"], size={"type": "number"}),
            "Answer": model(["done"], done={"type": "boolean"}, way=WORDS, size=NUMBER),
            "Told": model(["at"], at={"type": "string", "format": "date-time"}, text=TEXT),
            "Kept": model(["name"], name=TEXT, mode=WORDS),
        },
    }


@pytest.fixture
def new(old):
    return copy.deepcopy(old)


def found(old, new):
    return [str(each) for each in compatibility.breaks(old, new)]


def fields(bus, name):
    return bus["models"][name]["properties"]


def test_what_is_the_same_breaks_nothing(old, new):
    assert found(old, new) == []


def test_the_code_keeps_what_it_promises_itself():
    assert compatibility.breaks(contract.contract(), contract.contract()) == []


def test_the_snapshot_of_a_release_is_what_was_promised(tmp_path):
    path = contract.write("1.2.3", tmp_path)
    assert contract.read(path) == contract.contract()
    contract.write("1.10.0", tmp_path)
    assert contract.last_release(tmp_path) == tmp_path / "1.10.0.json"


def test_optional_fields_and_new_commands_break_nothing(old, new):
    fields(new, "Ask")["louder"] = {"type": "boolean"}
    fields(new, "Answer")["louder"] = {"type": "boolean"}
    fields(new, "Told")["louder"] = {"type": "boolean"}
    new["commands"]["siren.stop"] = new["commands"]["siren.sound"] | {"subject": "s.siren.stop"}
    new["events"]["siren.stopped"] = {"subject": "e.siren.stopped", "model": "Told"}
    new["errors"].append(418)
    assert found(old, new) == []


def test_more_is_taken_in_requests_and_less_is_said_in_replies(old, new):
    fields(new, "Ask")["channel"] = {"type": "integer", "minimum": 0, "maximum": 99}
    fields(new, "Ask")["way"] = {"enum": ["left", "right", "up"], "type": "string"}
    fields(new, "Ask")["text"] = {"anyOf": [{"type": "string"}, {"type": "null"}]}
    new["models"]["Ask"]["required"] = []
    fields(new, "Answer")["way"] = {"const": "left", "type": "string"}
    fields(new, "Answer")["size"] = {"type": "integer", "minimum": 1, "maximum": 9}
    assert found(old, new) == []


def change(name, field, schema):
    return lambda bus: fields(bus, name).__setitem__(field, schema)


def gone(*path):
    def drop(bus):
        for part in path[:-1]:
            bus = bus[part]
        del bus[path[-1]]

    return drop


def required(name, *names):
    return lambda bus: bus["models"][name].__setitem__("required", list(names))


def put(value, *path):
    def set_it(bus):
        for part in path[:-1]:
            bus = bus[part]
        bus[path[-1]] = value

    return set_it


BROKEN = {
    "a command is gone": (gone("commands", "siren.sound"), "siren.sound: the command is gone"),
    "an event is gone": (gone("events", "siren.sounded"), "siren.sounded: the event is gone"),
    "a value is gone": (
        gone("values", "cambus-devices <device>"),
        "cambus-devices <device>: the value is gone",
    ),
    "a subject changed": (
        put("s.siren.shout", "commands", "siren.sound", "subject"),
        "siren.sound subject: was s.siren.sound, is s.siren.shout",
    ),
    "the subject of an event changed": (
        put("e.shout", "events", "siren.sounded", "subject"),
        "siren.sounded subject: was e.siren.sounded, is e.shout",
    ),
    "all answer where one did": (
        put(True, "commands", "siren.sound", "broadcast"),
        "siren.sound broadcast: was False, is True",
    ),
    "an encoding is gone": (put([], "encodings"), "encodings application/json: is gone"),
    "a header is gone": (put([], "headers"), "headers Nats-Msg-Id: is gone"),
    "an error code is gone": (put([], "errors"), "errors 400: is gone"),
    "a bucket is gone": (put([], "assets"), "assets cambus-devices: is gone"),
    "a field of a request is gone": (
        gone("models", "Ask", "properties", "free"),
        "siren.sound request.free: the field is gone",
    ),
    "a field of a reply is gone": (
        gone("models", "Answer", "properties", "size"),
        "siren.sound reply.size: the field is gone",
    ),
    "a field of an event is gone": (
        gone("models", "Told", "properties", "text"),
        "siren.sounded event.text: the field is gone",
    ),
    "a request must say more": (
        required("Ask", "channel", "way"),
        "siren.sound request.way: was optional, is required",
    ),
    "a request must say something new": (
        lambda bus: (change("Ask", "code", TEXT)(bus), required("Ask", "channel", "code")(bus)),
        "siren.sound request.code: a required field is new",
    ),
    "what was stored lacks something": (
        lambda bus: (change("Kept", "code", TEXT)(bus), required("Kept", "name", "code")(bus)),
        "cambus-devices <device>.code: a required field is new",
    ),
    "another type": (
        change("Ask", "channel", TEXT),
        "siren.sound request.channel: the type was integer, is string",
    ),
    "another type in a reply": (
        change("Answer", "done", TEXT),
        "siren.sound reply.done: the type was boolean, is string",
    ),
    "a reply may be nothing": (
        change("Answer", "done", {"anyOf": [{"type": "boolean"}, {"type": "null"}]}),
        "siren.sound reply.done: null now, while readers of the last release take: no null is taken any more",
    ),
    "a request may no longer be nothing": (
        change("Ask", "text", {"type": "string", "maxLength": 5}),
        "siren.sound request.text: narrower: no null is taken any more, was null",
    ),
    "a word is gone": (
        change("Ask", "way", {"enum": ["left"], "type": "string"}),
        "siren.sound request.way: the word right is gone",
    ),
    "a closed list": (
        change("Ask", "text", {"anyOf": [{"enum": ["a"], "type": "string"}, {"type": "null"}]}),
        "siren.sound request.text: narrower: only a are taken, was any word",
    ),
    "a new word in a reply": (
        change("Answer", "way", {"enum": ["left", "right", "up"], "type": "string"}),
        "siren.sound reply.way: the word up is new",
    ),
    "a lower limit": (
        change("Ask", "channel", NUMBER | {"maximum": 5}),
        "siren.sound request.channel: narrower: maximum 5, was maximum 10",
    ),
    "a higher limit": (
        change("Ask", "channel", NUMBER | {"minimum": 1}),
        "siren.sound request.channel: narrower: minimum 1, was minimum 0",
    ),
    "a shorter list": (
        change("Ask", "parts", {"type": "array", "items": {"$ref": "Part"}, "maxItems": 2}),
        "siren.sound request.parts: narrower: maxItems 2, was maxItems 4",
    ),
    "inside of a list": (
        change("Part", "size", {"type": "integer"}),
        "siren.sound request.parts[].size: the type was number, is integer",
    ),
    "a pattern": (
        change("Kept", "name", TEXT | {"pattern": "^a"}),
        "cambus-devices <device>.name: narrower: pattern ^a, was pattern any",
    ),
    "a word nobody stored knows": (
        change("Kept", "mode", {"enum": ["left", "right", "up"], "type": "string"}),
        "cambus-devices <device>.mode: the word up is new",
    ),
}


@pytest.mark.parametrize("case", BROKEN)
def test_what_breaks_is_told_by_its_place(old, new, case):
    plant, told = BROKEN[case]
    plant(new)
    assert found(old, new) == [told]


def test_a_model_that_contains_itself_is_compared_once(old, new):
    for bus in (old, new):
        fields(bus, "Part")["inside"] = {"$ref": "Part"}
    fields(new, "Part")["size"] = TEXT
    assert found(old, new) == ["siren.sound request.parts[].size: the type was number, is string"]


def test_a_break_is_let_through_by_the_notes_or_a_new_major_version(old, new):
    gone("models", "Answer", "properties", "size")(new)
    broken = compatibility.breaks(old, new)
    silent = "# Upgrading\n\n## Unreleased\n\nNothing.\n\n## 0.1.0\n\n`siren.sound reply.size` once\n"
    told = silent.replace("Nothing.", "* `siren.sound reply.size` is gone: ask `siren.state`.")
    assert compatibility.unexplained(broken, silent, released="0.1.0", version="0.2.0") == broken
    assert compatibility.unexplained(broken, told, released="0.1.0", version="0.2.0") == []
    assert compatibility.unexplained(broken, silent, released="0.1.0", version="1.0.0") == []
