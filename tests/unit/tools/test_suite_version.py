"""One version, in one place, repeated by every package and by the documents."""

import shutil

import pytest
import suite_version
from documented import ROOT


def test_everything_says_the_same_version():
    assert list(suite_version.problems()) == []


@pytest.fixture
def copied(tmp_path):
    """The files that say a version, without the rest."""
    for path in ("pyproject.toml", *suite_version.DATED):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / path, tmp_path / path)
    for folder in suite_version.packages():
        target = tmp_path / folder.relative_to(ROOT)
        target.mkdir(parents=True)
        shutil.copy(folder / "pyproject.toml", target)
    return tmp_path


def test_a_release_sets_it_everywhere_and_begins_sections(copied):
    suite_version.bump("7.8.9", "2030-01-02", copied)
    assert suite_version.suite_version(copied) == "7.8.9"
    assert list(suite_version.problems(copied)) == []
    changes = (copied / "CHANGELOG.md").read_text()
    assert (
        changes.index("## [Unreleased]")
        < changes.index("## [7.8.9] - 2030-01-02")
        < changes.index("### Added")
    )
    assert "## Unreleased\n\n## 7.8.9\n" in (copied / "docs/operations/upgrading.md").read_text()


def test_a_package_of_another_version_is_told(copied):
    path = copied / "libs/client/pyproject.toml"
    path.write_text(suite_version.VERSION.sub('version = "9.9.9"', path.read_text()))
    (problem,) = suite_version.problems(copied)
    assert problem.startswith("libs/client/pyproject.toml: version 9.9.9")


def test_what_is_no_version_is_refused(copied):
    with pytest.raises(ValueError, match="MAJOR"):
        suite_version.bump("1.0", "2030-01-02", copied)
