"""Manifests against the schemas of Kubernetes, unknown fields refused."""

import json
import re
from functools import cache
from importlib.resources import files
from typing import Any, Final

from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match
from referencing import Registry, Resource

from manifests.resources import Manifest, Resources, name_of

VERSIONS: Final = ("1.30", "1.31", "1.32", "1.33", "1.34", "1.35", "1.36", "1.37")
"""The releases of Kubernetes that are supported: `sleep` before a stop came with 1.30."""
_KEDA: Final = "keda.sh/v1alpha1"
_SCALED: Final = {
    "required": ["scaleTargetRef", "minReplicaCount", "maxReplicaCount", "triggers"],
    "additionalProperties": False,
    "properties": {
        "scaleTargetRef": {
            "required": ["kind", "name"],
            "additionalProperties": False,
            "properties": {"kind": {"enum": ["Deployment", "StatefulSet"]}, "name": {"type": "string"}},
        },
        "minReplicaCount": {"type": "integer", "minimum": 1},
        "maxReplicaCount": {"type": "integer", "minimum": 1},
        "pollingInterval": {"type": "integer", "minimum": 1},
        "cooldownPeriod": {"type": "integer", "minimum": 0},
        "fallback": {
            "required": ["failureThreshold", "replicas"],
            "additionalProperties": False,
            "properties": {
                "failureThreshold": {"type": "integer"},
                "replicas": {"type": "integer"},
                "behavior": {"enum": ["static", "currentReplicas", "currentReplicasIfHigher"]},
            },
        },
        "advanced": {
            "additionalProperties": False,
            "properties": {"horizontalPodAutoscalerConfig": {"type": "object"}},
        },
        "triggers": {
            "minItems": 1,
            "items": {
                "required": ["type", "metadata"],
                "additionalProperties": False,
                "properties": {
                    "type": {"const": "prometheus"},
                    "metadata": {
                        "required": ["serverAddress", "query", "threshold"],
                        "additionalProperties": {"type": "string"},
                    },
                },
            },
        },
    },
}
"""What of KEDA's ScaledObject is used here; Kubernetes has no schema for it."""


def faults_of_schemas(resources: Resources, version: str) -> list[str]:
    """What a release of Kubernetes would not accept."""
    return [fault for each in resources.manifests if (fault := _fault(each, version)) is not None]


def _fault(manifest: Manifest, version: str) -> str | None:
    validator = _validator(manifest["apiVersion"], manifest["kind"], version)
    if validator is None:
        return f"{name_of(manifest)}: Kubernetes {version} knows no {manifest['kind']} of {manifest['apiVersion']}"
    subject = manifest["spec"] if manifest["apiVersion"] == _KEDA else manifest
    error = best_match(validator.iter_errors(subject))
    if error is None:
        return None
    return f"{name_of(manifest)}: Kubernetes {version}: {error.json_path}: {error.message[:300]}"


@cache
def _validator(api_version: str, kind: str, version: str) -> Draft202012Validator | None:
    if api_version == _KEDA:
        return Draft202012Validator(_SCALED) if kind == "ScaledObject" else None
    group = re.sub(r"^([^./]*)(?:\.[^/]*)?/", r"\1-", api_version)
    schema = _read(version, f"{kind.lower()}-{group}.json")
    return None if schema is None else Draft202012Validator(schema, registry=_definitions(version))


@cache
def _definitions(version: str) -> Registry[Any]:
    definitions: Resource[Any] = Resource.from_contents(_read(version, "_definitions.json"))
    empty: Registry[Any] = Registry()
    return definitions @ empty


def _read(version: str, name: str) -> Any:
    """A file of the schemas; None if there is none."""
    folder = files("kubernetes_validate") / "kubernetes-json-schema" / f"v{version}.0-local-strict"
    file = folder / name
    return json.loads(file.read_text(encoding="utf-8")) if file.is_file() else None
