"""The options of a device's record: the base of what each connector takes, and what is wrong with them, for people."""

from typing import Self

from pydantic import BaseModel, ConfigDict, ValidationError

from cambus.connector.errors import InvalidRecord
from cambus.schemas.model import JsonObject


class RecordOptions(BaseModel):
    """The options of a device, as its record has them; what nobody knows is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, hide_input_in_errors=True)

    @classmethod
    def of(cls, options: JsonObject) -> Self:
        """Read the options of a record.

        Raises:
            InvalidRecord: one is unknown or out of range; the text names it and what was wanted.
        """
        try:
            return cls.model_validate(options)
        except ValidationError as error:
            raise InvalidRecord(explain(error)) from None


def explain(error: ValidationError) -> str:
    """Name the options and what was wanted, not the values: somebody may have written a secret there."""
    named = []
    for problem in error.errors(include_url=False, include_context=False, include_input=False)[:3]:
        where = ".".join(["options", *(str(part)[:64] for part in problem["loc"])])
        what = "there is no such option" if problem["type"] == "extra_forbidden" else problem["msg"]
        named.append(f"{where}: {what.removeprefix('Value error, ')}")
    return "; ".join(named)
