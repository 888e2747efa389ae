"""What scales the services is as KEDA's own definitions have it: those of the npm package `@kubernetes-models/keda`."""

import json
import shutil
import subprocess

import pytest
from documented import ROOT
from rendered import rendered_everything

PACKAGE = "@kubernetes-models/keda@^2"
MODELS = ROOT / "var" / "keda-models"
OPTIONS = ("--no-save", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel", "error")
PROGRAM = """
import { readFileSync } from "node:fs";
import { ScaledObject } from "@kubernetes-models/keda/keda.sh/v1alpha1";
const told = JSON.parse(readFileSync(0)).map((each) => {
  try { new ScaledObject(each).validate(); return ""; } catch (error) { return error.message; }
});
console.log(JSON.stringify(told));
"""


@pytest.fixture(scope="module")
def validate():
    """Returns for each object what is wrong with it, empty if nothing is."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        pytest.skip("node and npm are not installed")
    install = [npm, "install", "--prefix", str(MODELS), *OPTIONS, PACKAGE]
    if subprocess.run(install, capture_output=True, check=False).returncode != 0:
        pytest.skip(f"{PACKAGE} cannot be installed here")

    def run(objects):
        given = json.dumps(objects).encode()
        (MODELS / "check.mjs").write_text(PROGRAM)  # node looks for packages beside the program
        ran = subprocess.run([node, str(MODELS / "check.mjs")], input=given, capture_output=True, check=True)
        return json.loads(ran.stdout)

    return run


@pytest.mark.slow
def test_scaled_objects_are_as_kedas_own_definition_has_them(validate):
    objects = rendered_everything().of("ScaledObject")
    assert len(objects) >= 3
    assert validate(objects) == [""] * len(objects)
    wrong = json.loads(json.dumps(objects[0]))
    wrong["spec"]["minReplicaCount"] = "two"
    del wrong["spec"]["triggers"][0]["metadata"]
    (told,) = validate([wrong])
    assert "minReplicaCount must be integer" in told
    assert "metadata" in told
