import subprocess
import sys

import pytest

from cambus.cli.deferred import defer


@pytest.fixture
def package(tmp_path, monkeypatch, unique):
    name = f"package_{unique}"
    folder = tmp_path / name
    folder.mkdir()
    (folder / "__init__.py").write_text("from . import inner as inner\nLOADED = inner.NAME\n")
    (folder / "inner.py").write_text("NAME = 'inner'\n")
    (folder / "late.py").write_text("from . import LOADED\nSEEN = LOADED\n")
    monkeypatch.syspath_prepend(tmp_path)
    yield name
    for loaded in [each for each in sys.modules if each.partition(".")[0] == name]:
        del sys.modules[loaded]


def test_a_deferred_package_is_loaded_at_its_first_use_and_not_by_its_import(package):
    defer(package)
    module = __import__(package)
    assert f"{package}.inner" not in sys.modules
    assert module.LOADED == "inner"
    assert sys.modules[package] is module
    assert f"{package}.inner" in sys.modules


def test_a_module_inside_a_deferred_package_finds_it_loaded(package):
    defer(package)
    assert __import__(f"{package}.late").late.SEEN == "inner"


def test_what_a_deferred_package_has_not_is_missed_as_ever(package):
    defer(package)
    with pytest.raises(AttributeError, match="NOTHING"):
        __import__(package).NOTHING  # noqa: B018


def test_what_is_imported_already_stays_as_it_is(package):
    before = __import__(package)
    defer(package)
    assert sys.modules[package] is before
    assert before.LOADED == "inner"


def test_what_is_not_installed_is_not_there(unique):
    defer(f"missing_{unique}")
    with pytest.raises(ModuleNotFoundError):
        __import__(f"missing_{unique}")


def test_a_command_is_ready_to_connect_without_http_the_catalog_and_what_only_services_need():
    """What a command imports is the time a person waits for every one of them."""
    code = (
        "import sys; from cambus.cli.main import run; run(['ptz', '--help']); import cambus.cli.connection; "
        "print([name for name in ('aiohttp.client', 'prometheus_client', 'cambus.schemas.catalog', 'yaml', "
        "'cryptography', 'av', 'numpy') if name in sys.modules], 'nats' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[] True"
