"""`docker/build.sh`, by the words it gives the engine; no engine is asked."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import closure
import pytest

from cambus.cli.stack.options import SERVICES

ROOT = Path(closure.__file__).resolve().parent.parent
VERSION = re.search(r'^version = "(.+)"$', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)[1]
ENGINE = """\
#!/bin/sh
if [ "$1" = info ]; then exit {answers}; fi
echo "{name} $*" >> "{heard}"
"""


@pytest.fixture
def build(tmp_path):
    """Run the script where these engines are; returns what it said and what they were told."""

    def run(*services, docker=None, buildah=False, **environment):
        heard, folder = tmp_path / "heard", tmp_path / "bin"
        folder.mkdir()
        for name, answers in (("docker", docker), ("buildah", 0 if buildah else None)):
            if answers is not None:
                (folder / name).write_text(ENGINE.format(answers=answers, name=name, heard=heard))
                (folder / name).chmod(0o755)
        for name in ("bash", "dirname", "env", "git", "sed"):
            (folder / name).symlink_to(shutil.which(name))
        ran = subprocess.run(
            [str(ROOT / "docker" / "build.sh"), *services],
            env={"PATH": str(folder), "HOME": os.environ.get("HOME", "/"), **environment},
            capture_output=True,
            text=True,
            check=False,
        )
        return ran, heard.read_text().splitlines() if heard.exists() else []

    return run


def test_every_image_is_built_with_its_version_and_target(build):
    ran, heard = build(docker=0, SOURCE_DATE_EPOCH="1700000000")
    assert ran.returncode == 0, ran.stderr
    built = {re.search(r"SERVICE=(\S+)", line)[1]: line for line in heard}
    assert set(built) == {*SERVICES, "cli", "simulators"}
    for service, line in built.items():
        assert line.startswith("docker build ")
        assert f"--tag cambus/{service}:{VERSION} ." in line
        assert f"--target {'service' if service in SERVICES else 'tool'} " in line
        assert f"--build-arg VERSION={VERSION} " in line
        assert "--build-arg SOURCE_DATE_EPOCH=1700000000" in line
        assert "secret" not in line


def test_buildah_is_taken_where_no_engine_answers_and_what_is_asked_for_is_passed_on(build):
    options = {
        "BASE": "base:1",
        "PIP_CONF": "/x/pip.conf",
        "CA_CRT": "/x/ca.crt",
        "PREFIX": "r/",
        "VERSION": "9",
    }
    ran, heard = build("recorder", docker=1, buildah=True, BUILD_FLAGS="--no-cache --pull", **options)
    assert ran.returncode == 0, ran.stderr
    (line,) = heard
    assert line.startswith("buildah build --layers --format docker --timestamp ")
    for words in (
        "--build-arg BASE=base:1",
        "--secret id=pip.conf,src=/x/pip.conf",
        "--secret id=ca.crt,src=/x/ca.crt",
        "--tag r/recorder:9",
        "--no-cache --pull",
    ):
        assert words in line


@pytest.mark.parametrize(
    ("services", "engines", "code", "says"),
    [
        (["recorder", "nothing"], {"docker": 0}, 2, "there is no image nothing"),
        (["recorder"], {}, 1, "neither a Docker engine nor buildah"),
        (["recorder"], {"docker": 0, "ENGINE": "podman"}, 2, "wanted docker or buildah"),
    ],
)
def test_what_cannot_be_built_is_told_before_anything_is(build, services, engines, code, says):
    ran, heard = build(*services, **engines)
    assert (ran.returncode, says in ran.stderr, heard) == (code, True, [])
