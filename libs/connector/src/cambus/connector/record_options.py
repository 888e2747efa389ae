"""What is wrong with the options of a device's record, for people."""

from pydantic import ValidationError


def explain(error: ValidationError) -> str:
    """Name the options and what was wanted, not the values: somebody may have written a secret there."""
    named = []
    for problem in error.errors(include_url=False, include_context=False, include_input=False)[:3]:
        where = ".".join(["options", *(str(part)[:64] for part in problem["loc"])])
        what = "there is no such option" if problem["type"] == "extra_forbidden" else problem["msg"]
        named.append(f"{where}: {what.removeprefix('Value error, ')}")
    return "; ".join(named)
