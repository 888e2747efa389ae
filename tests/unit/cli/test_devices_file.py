import io
from pathlib import Path

import pytest

from cambus.cli.devices_file import MAX_FILE_BYTES, DevicesFileError, load_devices

GOOD = """\
devices:
  - id: gate-1
    protocol: dvrip
    address: 127.0.0.1:34567
    name: 大门
    tags: [gate, outdoor]
    credentials: {username: admin, password_file: gate.secret}
    options: {channel_base: 1}
  - id: yard
    protocol: dvrip
    address: yard.local
    credentials: {username: admin, password: "s3cret"}
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "devices.yaml"
    path.write_text(text, encoding="utf-8")
    (folder / "gate.secret").write_text("hunter2\n")
    return path


def refused(folder: Path, text: str) -> list[tuple[int, str]]:
    with pytest.raises(DevicesFileError) as caught:
        load_devices(write(folder, text))
    return [(each.line, each.where + each.reason) for each in caught.value.problems]


def test_a_good_file_is_read_with_its_password_files(tmp_path: Path) -> None:
    gate, yard = load_devices(write(tmp_path, GOOD))
    assert gate.credentials is not None
    assert gate.credentials.password is not None
    assert gate.credentials.password.get_secret_value() == "hunter2"
    assert (gate.name, gate.tags, gate.options) == ("大门", ["gate", "outdoor"], {"channel_base": 1})
    assert yard.address == "yard.local"


def test_a_device_without_an_address_is_one_that_dials_us(tmp_path: Path) -> None:
    _, yard = load_devices(write(tmp_path, GOOD.replace("    address: yard.local\n", "")))
    assert yard.address is None


def test_a_password_never_shows(tmp_path: Path) -> None:
    devices = load_devices(write(tmp_path, GOOD))
    assert "hunter2" not in repr(devices)
    assert "s3cret" not in repr(devices)


@pytest.mark.parametrize(
    ("old", "new", "line", "reason"),
    [
        ("id: yard", "id: gate-1", 9, "devices[1].id: 'gate-1' is already in line 2"),
        ("id: yard", "id: 'my yard'", 9, "devices[1].id: wanted 1 to 64 letters, digits, - and _"),
        ("yard.local", "yard.local:99999", 11, "devices[1].address: '99999' is not a port (1 to 65535)"),
        ("yard.local", "http://yard", 11, "devices[1].address: "),
        ("    name: 大门", "    nmae: 大门", 5, "devices[0].nmae: unknown key; did you mean name?"),
        (
            "id: yard",
            "id: 12",
            9,
            "devices[1].id: wanted 1 to 64 letters, digits, - and _; put a number in quotes",
        ),
        ("protocol: dvrip", "protocol: DVRIP!", 3, "devices[0].protocol: wanted the name of a protocol"),
        ("[gate, outdoor]", "gate", 6, "devices[0].tags: wanted a list"),
        ("    name: 大门", "    enabled: maybe", 5, "devices[0].enabled: wanted true or false"),
        ("  - id: yard\n    protocol: dvrip\n", "  - id: yard\n", 9, "devices[1].protocol: is missing"),
        ("    name: 大门", "    protocol: onvif", 5, "protocol: stands twice, first in line 3"),
        ("gate.secret", "nowhere", 7, "devices[0].credentials.password_file: "),
        ('password: "s3cret"', "note: 1", 12, "devices[1].credentials.note: "),
        (', password: "s3cret"', "", 12, "devices[1].credentials: give either password or password_file"),
        ("devices:", "device:", 1, "wanted a mapping with the key 'devices', a list"),
        ("[gate, outdoor]", "[gate, outdoor", 7, "not YAML: "),
        ("devices:", "version: 2\ndevices:", 1, "version: unknown key"),
    ],
)
def test_a_broken_file_is_refused_with_line_and_reason(
    tmp_path: Path, old: str, new: str, line: int, reason: str
) -> None:
    problems = refused(tmp_path, GOOD.replace(old, new, 1))
    assert any(at == line and text.startswith(reason) for at, text in problems), problems


def test_every_problem_is_told_at_once(tmp_path: Path) -> None:
    problems = refused(tmp_path, GOOD.replace("yard.local", ":1").replace("id: gate-1", "id: ''"))
    assert [line for line, _ in problems] == [2, 11]


@pytest.mark.parametrize("text", ["", "42", "devices: 3", "devices:\n  - 7\n", "- a\n"])
def test_documents_of_another_shape_are_refused(tmp_path: Path, text: str) -> None:
    assert refused(tmp_path, text)


def test_a_missing_and_a_binary_file_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DevicesFileError, match=r"none.yaml: cannot be read"):
        load_devices(tmp_path / "none.yaml")
    path = tmp_path / "devices.yaml"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DevicesFileError, match="not UTF-8"):
        load_devices(path)


@pytest.mark.parametrize(("protocol", "told"), [("dvrip", "username is missing"), ("gb28181", None)])
def test_only_devices_that_are_named_by_a_code_do_without_a_user(tmp_path, protocol, told):
    path = tmp_path / "devices.yaml"
    path.write_text(f'devices: [{{id: gate, protocol: {protocol}, credentials: {{password: "s3cret"}}}}]')
    if told is None:
        (entry,) = load_devices(path)
        assert entry.credentials.username == ""
    else:
        with pytest.raises(DevicesFileError, match=told):
            load_devices(path)


def test_standard_input_is_a_file_too(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "devices:\n  - {id: gate, protocol: dvrip, address: '192.0.2.1'}\n"
    monkeypatch.setattr("sys.stdin", io.StringIO(text))
    assert [each.id for each in load_devices(Path("-"))] == ["gate"]
    monkeypatch.setattr("sys.stdin", io.StringIO("#" * (MAX_FILE_BYTES + 1)))
    with pytest.raises(DevicesFileError, match="larger than"):
        load_devices(Path("-"))
