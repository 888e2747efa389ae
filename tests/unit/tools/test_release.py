"""A release follows from the commit: the same files twice, each with what it is made of."""

import hashlib
import json
import re
import zipfile
from email import message_from_bytes

import pytest
import release
import sbom
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from documented import ROOT

AT_S = 1_900_000_000
LOCK = (ROOT / "requirements.lock").read_text()


def bill(service="recorder", revision="abc"):
    return sbom.text(sbom.bill(service, "1.2.3", LOCK, revision=revision, at_s=AT_S))


def test_a_wheel_built_twice_is_the_same(tmp_path):
    for each in ("one", "two"):
        (tmp_path / each).mkdir()
        release.build_wheels([ROOT / "libs/rtmp"], tmp_path / each, "0.1.0", AT_S)
    (one,), (two,) = ((tmp_path / each).iterdir() for each in ("one", "two"))
    assert one.name == two.name
    assert one.read_bytes() == two.read_bytes()


def test_a_wheel_wants_the_suite_in_its_own_version(tmp_path):
    (wheel,) = release.build_wheels([ROOT / "libs/bus"], tmp_path, "0.1.0", AT_S)
    with zipfile.ZipFile(wheel) as archive:
        assert "cambus/bus/py.typed" in archive.namelist()
        assert "cambus/__init__.py" not in archive.namelist()
        (name,) = [each for each in archive.namelist() if each.endswith(".dist-info/METADATA")]
        wanted = message_from_bytes(archive.read(name)).get_all("Requires-Dist")
    own = [each for each in wanted if each.startswith("cambus-")]
    assert own == [
        "cambus-schemas==0.1.0",
        "cambus-client[nkeys]==0.1.0",
        "cambus-client[tracing]==0.1.0 ; extra == 'tracing'",
    ]


def test_a_bill_of_one_commit_is_one_file():
    assert bill() == bill()
    assert bill() != bill(revision="def")


def test_a_bill_is_cyclonedx():
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(bill()) is None


def test_a_bill_names_all_that_is_installed_and_nothing_of_development():
    parts = {each["name"]: each for each in json.loads(bill())["components"]}
    assert {"cambus-schemas", "cambus-bus", "cambus-client", "nats-py", "av"} <= parts.keys()
    assert not {"cambus-cli", "cambus-simulators", "pytest", "ruff", "mkdocs-material"} & parts.keys()
    nats = parts["nats-py"]
    assert nats["purl"] == f"pkg:pypi/nats-py@{nats['version']}"
    locked = re.search(rf"^nats-py=={re.escape(nats['version'])} \\\n((?: .*\n)+)", LOCK, re.MULTILINE)[1]
    assert {each["content"] for each in nats["hashes"]} == set(re.findall(r"sha256:(\w{64})", locked))
    assert nats["licenses"]


def test_a_bill_says_who_needs_whom():
    told = json.loads(bill())
    needs = {each["ref"].partition("@")[0]: each.get("dependsOn", []) for each in told["dependencies"]}
    assert told["metadata"]["component"]["name"] == "cambus-recorder"
    assert "cambus-bus@1.2.3" in needs["cambus-recorder"]
    assert any(each.startswith("nats-py@") for each in needs["cambus-client"])


def test_every_image_has_a_bill():
    built = (ROOT / "docker/build.sh").read_text()
    named = re.findall(r"^(?:services|tools)=\(([^)]*)\)", built, re.MULTILINE)
    assert set(" ".join(named).split()) == set(release.images())


def test_digests_are_those_of_the_files(tmp_path):
    (tmp_path / "b").write_bytes(b"2")
    (tmp_path / "a").write_bytes(b"1")
    lines = release.write_sums(tmp_path).read_text().splitlines()
    assert lines == [
        f"{hashlib.sha256(body).hexdigest()}  {name}" for name, body in (("a", b"1"), ("b", b"2"))
    ]


def test_what_is_promised_is_kept_until_it_is_released(tmp_path, monkeypatch):
    monkeypatch.setattr("contract.RELEASED", tmp_path)
    assert "Commit it" in release.keep_promises("1.2.3", released=False)
    assert release.keep_promises("1.2.3", released=True) is None
    path = tmp_path / "1.2.3.json"
    promised = release.contract.read(path)
    del promised["events"]["alarm.raised"]
    path.write_text(json.dumps(promised))
    assert "another version" in release.keep_promises("1.2.3", released=True)
    assert "Commit it" in release.keep_promises("1.2.3", released=False)
    assert release.contract.read(path) == release.contract.contract()


@pytest.mark.slow
def test_a_whole_release_made_twice_is_the_same(tmp_path):
    for each in ("one", "two"):
        release.release(tmp_path / each, release.suite_version(), "0" * 40, AT_S)
    one, two = (
        {path.name: path.read_bytes() for path in (tmp_path / each).iterdir()} for each in ("one", "two")
    )
    assert one.keys() == two.keys()
    assert one == two
    assert len([name for name in one if name.endswith(".whl")]) == len(release.packages())
