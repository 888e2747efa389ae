"""Who types the lines of documents that are not in consoles: a test, or nobody, and then why.

`cambusctl`, `cambus-sim`, `cambus-recorder` and the like are typed by `tests/e2e/test_other_documents.py`; here is what
is not. Each line is a page, the beginning of a command, and the test that does it instead or why nobody does.
"""

import re
from pathlib import Path
from typing import Final

from documented import DOCUMENTS, ROOT, block_lines, console_lines

TYPED: Final = ("cambusctl ", "cambus-", "nats req ", "curl ")
"""What is typed where tests are; variables before it as well."""

ELSEWHERE: Final = (
    ("README.md", "", "tests/e2e/test_documents.py"),
    ("docs/how-to/upgrade-a-fleet.md", "cambusctl upgrade", "tests/e2e/test_upgrade.py"),
    ("services/upgrade-manager/README.md", "cambusctl upgrade", "tests/e2e/test_upgrade.py"),
    ("libs/cli/README.md", "cambusctl demo", "tests/e2e/test_documents.py"),
    ("libs/cli/README.md", "cambusctl up", "tests/e2e/test_documents.py"),
    ("docs/operations/containers.md", "docker/local_base.sh", "tests/integration/docker/test_images.py"),
    ("docs/operations/containers.md", "BUILDAH_ISOLATION", "tests/integration/docker/test_images.py"),
    ("docs/operations/containers.md", "make images", "tests/integration/docker/test_images.py"),
    ("docs/operations/kubernetes.md", "k8s/secrets.sh", "tests/e2e/test_kubernetes.py"),
    ("docs/operations/releasing.md", "make release", "tests/integration/docker/test_release_images.py"),
    ("docs/operations/releasing.md", "make version", "tests/unit/tools/test_suite_version.py"),
)
"""Lines that a test of another kind does: the page, how the line begins, the test."""

BY_NOBODY: Final = (
    (
        "",
        "pip install",
        "takes an index that has the package; the unit tests of the client look at what it takes",
    ),
    (
        "",
        "docker compose",
        "there is no Docker engine where tests are; each line is read against compose.yaml",
    ),
    ("docs/operations/containers.md", "cd docker", "goes before Compose"),
    ("", "kubectl", "there is no cluster where tests are; what would be applied is rendered and checked"),
    ("", "for number in", "kubectl in a loop"),
    ("docs/operations/kubernetes.md", "cp k8s/", "a file of one's own, beside a cluster"),
    ("docs/operations/kubernetes.md", "export CAMBUS", "goes before what is typed at a cluster"),
    ("", "git ", "changes or fetches a repository"),
    ("CONTRIBUTING.md", "make test", "it is what runs here"),
    (
        "docs/protocols/dvrip.md",
        "cambusctl call --service connector-dvrip discovery.address.set",
        "moves a device to another network",
    ),
    (
        "docs/operations/kubernetes.md",
        "cambusctl",
        "beside a cluster; tutorials are typed with the same commands",
    ),
    ("docs/protocols/rtsp.md", "CAMBUS_", "settings, not commands"),
    ("docs/protocols/gb28181.md", "CAMBUS_", "settings, not commands"),
    (
        "docs/protocols/gb28181.md",
        "cambusctl call yard recording.speed",
        "takes a playback that runs: tests/integration/connector_gb28181",
    ),
    (
        "services/recorder/README.md",
        "cambusctl recordings policy set gates --device 'gate-*' --upload",
        "takes a storage: tests/integration/recorder",
    ),
    (
        "services/recorder/README.md",
        "cambusctl recordings policy set doors",
        "takes a storage: tests/integration/recorder",
    ),
)
"""Lines that nobody types here: the page or any, how the line begins, why."""


def who_types(page: Path, line: str) -> str:
    """The test that types a line, or the reason why none does; empty if nothing is known of it."""
    name = str(page.relative_to(ROOT))
    if line in console_lines(page):
        return "tests/e2e/test_documents.py"
    for of, begins, who in (*ELSEWHERE, *BY_NOBODY):
        if of in {"", name} and line.startswith(begins):
            return who
    bare = re.sub(r"^(?:[A-Z_0-9]+=\S+ +)+", "", line)
    return "tests/e2e/test_other_documents.py" if bare.startswith(TYPED) else ""


def typed_here() -> list[tuple[Path, list[str]]]:
    """The pages with lines for `tests/e2e/test_other_documents.py`, and those lines."""
    found = [
        (
            page,
            [
                line
                for line in block_lines(page)
                if who_types(page, line) == "tests/e2e/test_other_documents.py"
            ],
        )
        for page in DOCUMENTS
    ]
    return [(page, lines) for page, lines in found if lines]
