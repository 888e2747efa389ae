"""Renders the overlays, and the overlays with each component they do not hold."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

WANTS: Final = {
    "autoscaling": ("monitoring",),
    "host-network-policies": ("host-network", "network-policies"),
    "nats-tls": ("nats",),
    "nats-single": ("nats",),
}
"""What a component builds on."""
SINGLE: Final = "nats-single"
"""Of use where a single server is wanted only, which is for an overlay to say."""


class RenderingFailed(Exception):
    """kustomize refuses, and says why."""


@dataclass(frozen=True, slots=True)
class Variant:
    """Something a user may install.

    Attributes:
        folder: an overlay, or the base.
        components: further ones, by name.
    """

    folder: Path
    components: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """As people say it: `prod + host-network`."""
        return " + ".join((self.folder.name, *self.components))


def find_renderer() -> tuple[str, ...] | None:
    """The command that renders a folder: kustomize, or the one in kubectl; None without both."""
    if shutil.which("kustomize"):
        return ("kustomize", "build")
    if shutil.which("kubectl"):
        return ("kubectl", "kustomize")
    return None


def variants(k8s: Path) -> Iterator[Variant]:
    """Whatever is rendered: the base, each overlay, each with one component more, each with all of them."""
    yield Variant(k8s / "base")
    known = sorted(each.parent.name for each in k8s.glob("components/*/kustomization.yaml"))
    for file in sorted(k8s.glob("overlays/*/kustomization.yaml")):
        overlay = file.parent
        yield Variant(overlay)
        held = _held(file)
        more = [name for name in known if name not in held and name != SINGLE]
        for name in more:
            yield Variant(overlay, _with_wanted([name], held))
        yield everything(k8s, overlay)


def everything(k8s: Path, overlay: Path) -> Variant:
    """An overlay with every component there is."""
    held = _held(overlay / "kustomization.yaml")
    names = (each.parent.name for each in k8s.glob("components/*/kustomization.yaml"))
    return Variant(overlay, _with_wanted(sorted(name for name in names if name != SINGLE), held))


def render(variant: Variant, k8s: Path, renderer: Sequence[str]) -> list[dict[str, Any]]:
    """What a variant consists of.

    Raises:
        RenderingFailed: kustomize refuses.
    """
    if not variant.components:
        return _run(renderer, variant.folder)
    with tempfile.TemporaryDirectory(prefix="cambus-k8s-") as name:
        folder = Path(name).resolve()
        kustomization = {
            "apiVersion": "kustomize.config.k8s.io/v1beta1",
            "kind": "Kustomization",
            "resources": [os.path.relpath(variant.folder.resolve(), folder)],
            "components": [
                os.path.relpath((k8s / "components" / each).resolve(), folder) for each in variant.components
            ],
        }
        (folder / "kustomization.yaml").write_text(yaml.safe_dump(kustomization))
        return _run(renderer, folder)


def _run(renderer: Sequence[str], folder: Path) -> list[dict[str, Any]]:
    done = subprocess.run([*renderer, str(folder)], capture_output=True, text=True, check=False)
    if done.returncode:
        raise RenderingFailed(f"{folder.name}: {done.stderr.strip()}")
    return [each for each in yaml.load_all(done.stdout, yaml.CSafeLoader) if each]


def _held(file: Path) -> set[str]:
    return {Path(each).name for each in yaml.safe_load(file.read_text()).get("components", ())}


def _with_wanted(names: Sequence[str], held: set[str]) -> tuple[str, ...]:
    ordered = dict.fromkeys(wanted for name in names for wanted in (*WANTS.get(name, ()), name))
    for name, wanted in WANTS.items():
        if len(wanted) > 1 and held.union(ordered).issuperset(
            wanted
        ):  # two that need a third beside each other
            ordered[name] = None
    return tuple(name for name in ordered if name not in held)
