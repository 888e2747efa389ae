"""Which version of the suite this is."""

from importlib.metadata import PackageNotFoundError, version


def suite_version() -> str:
    """The one version of the whole suite."""
    try:
        return version("cambus-bus")
    except PackageNotFoundError:
        return "0.0.0"
