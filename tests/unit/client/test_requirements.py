"""What comes with `pip install cambus-client`: nats-py, msgpack and pydantic, and nothing further."""

import subprocess
import sys
import tomllib
from importlib.metadata import requires

from documented import ROOT
from packaging.requirements import Requirement

THIRD_PARTY = {"nats-py", "msgpack", "pydantic"}
OF_PYDANTIC = {"pydantic-core", "annotated-types", "typing-extensions", "typing-inspection"}


def declared(library: str) -> set[str]:
    project = tomllib.loads((ROOT / "libs" / library / "pyproject.toml").read_text())["project"]
    return {Requirement(text).name for text in project["dependencies"]}


def closure(wanted: set[str]) -> set[str]:
    """These and what they require, without extras, as the installed packages say."""
    found: set[str] = set()
    while wanted:
        name = wanted.pop()
        found.add(name)
        for text in requires(name) or []:
            requirement = Requirement(text)
            if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
                wanted |= {requirement.name} - found
    return found


def test_the_client_and_the_schemas_declare_nothing_else():
    assert declared("client") == THIRD_PARTY | {"cambus-schemas", "cambus-media"}
    assert declared("schemas") <= THIRD_PARTY
    assert declared("media") == set()


def test_what_these_bring_along_is_pydantics():
    assert closure(set(THIRD_PARTY)) == THIRD_PARTY | OF_PYDANTIC


def test_all_of_the_client_is_imported_where_nothing_else_is_installed():
    allowed = {"nats", "msgpack", "pydantic", *(name.replace("-", "_") for name in OF_PYDANTIC)}
    program = f"""
import importlib, pkgutil, sys

class NotInstalled:
    def find_spec(self, name, path=None, target=None):
        if name[0] != "_" and name.partition(".")[0] not in {{"cambus", *{sorted(allowed)}, *sys.stdlib_module_names}}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

import cambus.client
sys.meta_path.insert(0, NotInstalled())
for found in pkgutil.walk_packages(cambus.client.__path__, "cambus.client."):
    if found.name not in {{"cambus.client.nkeys", "cambus.client.otlp"}}:  # come with extras
        importlib.import_module(found.name)
try:
    cambus.client.login.Login(nkey_file="seed").options()
except ModuleNotFoundError as error:
    print(error)
"""
    ran = subprocess.run(
        [sys.executable, "-I", "-c", program], check=False, capture_output=True, text=True, timeout=120
    )
    assert ran.returncode == 0, ran.stderr
    assert "cambus-client[nkeys]" in ran.stdout
