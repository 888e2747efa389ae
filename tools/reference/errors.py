"""The closed list of error codes, and what programs that call `cambusctl` get to see of them."""

from cambus.cli import failures
from cambus.schemas.errors import ERRORS, ErrorReply
from reference.markdown import GENERATED, code, document, prose, table
from reference.models import example_of, fields_of


def page() -> str:
    """The page of the errors."""
    intro = (
        "A command that fails is answered with the headers `Nats-Service-Error` and `Nats-Service-Error-Code`"
        " and the body below. `code` is one of this list, `reason` a finer word for programs, `text` a "
        "sentence for people. Where nobody holds the device at all there is no answer but NATS' own *no "
        "responders*, at once: take it as 503."
    )
    codes = (
        (
            code(int(kind)),
            code(error.__name__),
            code(error.REASON),
            prose(error.__doc__ or ""),
            _retried(error("…")),
        )
        for kind, error in sorted(ERRORS.items())
    )
    return document(
        "# Errors",
        GENERATED,
        intro,
        table(("code", "in Python", "usual reason", "meaning", "the same again may work"), codes),
        "## ErrorReply",
        fields_of(ErrorReply),
        example_of(ErrorReply),
        "## Exit codes of cambusctl",
        table(("code", "meaning"), ((code(number), prose(text)) for number, text in exit_codes())),
    )


def _retried(error: Exception) -> str:
    return "yes" if getattr(error, "retryable", False) else ""


def exit_codes() -> list[tuple[int, str]]:
    """The exit codes of `cambusctl`, as its help lists them."""
    listed = failures.EXIT_CODES.partition(":")[2]
    pairs = (each.strip().partition(" ") for each in listed.split("·"))
    return [(int(number), text.strip()) for number, _, text in pairs]
