"""`make release IMAGES=1`, in one go, on what is committed: wheels, bills, digests and images of one commit.

There need be no Docker engine: `tests/support/image_rig.py`. `IMAGES="recorder media-relay"` builds others than usual,
`IMAGES=` all of them.
"""

import json
import os
import subprocess

import pytest
from documented import ROOT
from image_rig import Builder, missing
from suite_version import suite_version

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(7200),
    pytest.mark.skipif(bool(missing()), reason=missing() or "-"),
]
SERVICES = os.environ.get("IMAGES", "upgrade-manager")


def git(*words, cwd=ROOT):
    return subprocess.run(["git", *words], cwd=cwd, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def checked_out(tmp_path):
    """What is committed, with the environment of this one."""
    if (
        subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, check=False).returncode
        != 0
    ):
        pytest.skip("this is no checkout")
    copy = tmp_path / "cambus"
    git("clone", "--quiet", "--no-hardlinks", str(ROOT), str(copy))
    git("checkout", "--quiet", "--detach", git("rev-parse", "HEAD"), cwd=copy)
    (copy / ".git" / "info" / "exclude").write_text(".venv\n")
    (copy / ".venv").symlink_to(ROOT / ".venv")
    return copy


def test_one_command_makes_wheels_and_images_of_one_commit(checked_out, tmp_path):
    builder = Builder()
    version, revision = suite_version(), git("rev-parse", "HEAD", cwd=checked_out)
    made = subprocess.run(
        ["make", "--old-file=install", "release", "IMAGES=1", f"SERVICES={SERVICES}"],
        cwd=checked_out,
        env=builder.environment(tmp_path),
        capture_output=True,
        text=True,
        check=False,
    )
    assert made.returncode == 0, made.stdout[-2000:] + made.stderr[-2000:]
    release = checked_out / "dist" / version
    subprocess.run(["sha256sum", "--check", "--quiet", "SHA256SUMS"], cwd=release, check=True)
    for service in SERVICES.split() or ["recorder", "cli", "simulators"]:
        labels = builder.configuration(f"localhost/cambus/{service}:{version}")["Labels"]
        assert labels["org.opencontainers.image.version"] == version
        assert labels["org.opencontainers.image.revision"] == revision
        assert (release / f"cambus_{service.replace('-', '_')}-{version}-py3-none-any.whl").is_file()
        bill = json.loads((release / f"cambus-{service}-{version}.cdx.json").read_text())
        assert bill["metadata"]["component"]["version"] == version
    assert git("status", "--porcelain", cwd=checked_out) == ""
