"""Every setting of every service: environment variables."""

from collections.abc import Iterable

from pydantic.fields import FieldInfo

from cambus.bus.describe import variable
from cambus.bus.settings import BusSettings
from cambus.connector.settings import ConnectorSettings
from reference.markdown import GENERATED, code, document, prose, table
from reference.services import module_of, names, own_classes
from reference.shapes import default_of, shape


def settings_of(service: str) -> type[BusSettings]:
    """The class of a service's settings."""
    (found,) = own_classes(module_of(service, "settings"), BusSettings)
    return found


def page() -> str:
    """The page of the settings."""
    intro = (
        "A service is told everything by environment variables. `cambus-<service> --help` lists its own, and "
        "`cambus-<service> --check-config` checks them and prints what is in force. A secret is never a "
        "variable but the path of a file, read when it is needed."
    )
    return document(
        "# Settings",
        GENERATED,
        intro,
        "## All services",
        _table(BusSettings, BusSettings.model_fields),
        "## All connectors",
        _table(ConnectorSettings, own_fields(ConnectorSettings)),
        *(part for service in names() for part in _service(service)),
    )


def own_fields(kind: type[BusSettings]) -> list[str]:
    """The settings that a class adds to those of its bases, or of which it says something else."""
    bases = [base for base in kind.__mro__[1:] if issubclass(base, BusSettings)]
    inherited = {name: field for base in reversed(bases) for name, field in base.model_fields.items()}
    return [
        name
        for name, field in kind.model_fields.items()
        if name not in inherited or _told(field) != _told(inherited[name])
    ]


def _told(field: FieldInfo) -> tuple[object, str | None]:
    return field.default, field.description


def _service(service: str) -> list[str]:
    kind = settings_of(service)
    also = "those of all connectors and " if issubclass(kind, ConnectorSettings) else ""
    return [f"## {service}", f"Besides {also}those of all services:", _table(kind, own_fields(kind))]


def _table(kind: type[BusSettings], fields: Iterable[str]) -> str:
    schema = kind.model_json_schema()["properties"]
    required = {name for name, field in kind.model_fields.items() if field.is_required()}
    rows = (
        (
            code(variable(kind, name)),
            shape(schema[name]).removesuffix(" or null"),
            default_of(name, schema[name], required),
            prose(kind.model_fields[name].description or ""),
        )
        for name in fields
    )
    return table(("variable", "holds", "default", "meaning"), rows)
