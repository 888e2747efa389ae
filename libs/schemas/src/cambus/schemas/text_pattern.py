"""Regular expressions that anybody may write and that cannot stall whoever applies them.

They are matched without backtracking (the engine of pydantic-core, Rust's `regex`), so that the time grows with the
length of the text and no faster, whatever the pattern; look-around and back references, which would need it, do not
exist. A pattern whose automaton would be too large is refused when it is read.
"""

from functools import lru_cache
from typing import Annotated, Final

from pydantic import AfterValidator, StringConstraints
from pydantic_core import SchemaError, SchemaValidator, core_schema

MAX_TEXT: Final = 4096
"""Characters of a text that are looked at."""


@lru_cache(maxsize=1024)
def _engine(pattern: str) -> SchemaValidator:
    return SchemaValidator(core_schema.str_schema(pattern=pattern, regex_engine="rust-regex"))


def _usable(pattern: str) -> str:
    try:
        _engine(pattern)
    except SchemaError as error:
        last = str(error).strip().splitlines()[-1].strip()
        raise ValueError(
            f"wanted a regular expression without look-around and back references: {last}"
        ) from None
    return pattern


TextPattern = Annotated[str, StringConstraints(min_length=1, max_length=256), AfterValidator(_usable)]
"""A regular expression; it is found anywhere in a text unless `^` or `$` say otherwise, `(?i)` ignores case."""


def found(pattern: str, text: str) -> bool:
    """Whether a `TextPattern` is found in a text."""
    return _engine(pattern).isinstance_python(text[:MAX_TEXT])
