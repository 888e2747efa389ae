"""The settings of a service as text: for `--help`, for `--check-config`, and for whoever got one wrong."""

from pathlib import Path
from typing import Any

from pydantic import SecretStr, ValidationError
from pydantic.fields import FieldInfo

from cambus.bus.settings import BusSettings


def variable(settings_class: type[BusSettings], field: str) -> str:
    """The environment variable of a setting."""
    return f"{settings_class.model_config.get('env_prefix', '')}{field}".upper()


def describe_settings(settings_class: type[BusSettings]) -> str:
    """Every setting with its variable, default and meaning."""
    lines = ["settings, from environment variables:"]
    for name, field in settings_class.model_fields.items():
        lines.append(f"  {variable(settings_class, name)}{_default(field)}")
        if field.description:
            lines.append(f"      {field.description}")
    return "\n".join(lines).replace("%", "%%")


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "  (required)"
    default = field.get_default(call_default_factory=True)
    return "" if default is None else f"  [{_shown(default)}]"


def effective_settings(settings: BusSettings) -> str:
    """Every setting as it is in force, secrets starred."""
    kind = type(settings)
    return "".join(
        f"{variable(kind, name)}={_shown(getattr(settings, name))}\n" for name in kind.model_fields
    )


def explain_invalid(settings_class: type[BusSettings], error: ValidationError) -> str:
    """What is wrong with the settings, by variable, without the values."""
    lines = []
    for problem in error.errors(include_url=False, include_context=False, include_input=False):
        where = ".".join(str(part) for part in problem["loc"])
        lines.append(f"{variable(settings_class, where) if where else 'settings'}: {problem['msg']}\n")
    return "".join(lines)


def _shown(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, SecretStr):
        return "***"
    if isinstance(value, Path):
        return str(value)
    return ",".join(str(item) for item in value) if isinstance(value, list | tuple | set) else str(value)
