"""The Kubernetes manifests, each variant rendered once for a process of the test run."""

from functools import cache
from pathlib import Path

import pytest
from k8s_validate import K8S
from manifests.rendering import Variant, everything, find_renderer, render
from manifests.resources import Resources


def rendered(variant: Variant) -> Resources:
    """One variant; skips the test where nothing renders."""
    if find_renderer() is None:
        pytest.skip("neither kustomize nor kubectl is installed: nothing renders the manifests")
    return _rendered(variant)


def rendered_overlay(name: str) -> Resources:
    """An overlay as it is."""
    return rendered(Variant(overlay(name)))


def rendered_everything() -> Resources:
    """The overlay of production with every component there is."""
    return rendered(everything(K8S, overlay("prod")))


def overlay(name: str) -> Path:
    """The folder of an overlay."""
    return K8S / "overlays" / name


@cache
def _rendered(variant: Variant) -> Resources:
    return Resources(render(variant, K8S, find_renderer() or ()))
