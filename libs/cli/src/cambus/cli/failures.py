"""How a command fails: an exit code from a closed list, a sentence, and what to do about it.

| exit code | meaning |
|---|---|
| 0 | done |
| 1 | it failed, or `doctor` found something |
| 2 | wrong arguments, or a file that is not right |
| 3 | the device or the service refused |
| 4 | nobody holds the device, or the service does not run; nothing was done |
| 5 | no answer in time; whether it was done is unknown |
| 6 | NATS cannot be reached |
| 130 | stopped by Ctrl-C |
"""

from typing import Any, Final

DONE: Final = 0
FAILED: Final = 1
USAGE: Final = 2
REFUSED: Final = 3
OFFLINE: Final = 4
NO_ANSWER: Final = 5
NO_NATS: Final = 6
INTERRUPTED: Final = 130

EXIT_CODES: Final = (
    "Exit codes: 0 done · 1 failed, or doctor found something · 2 wrong arguments or file · 3 refused by the "
    "device or service · 4 device offline or service not running · 5 no answer in time · 6 no NATS · "
    "130 Ctrl-C"
)


class CliError(Exception):
    """A command cannot do what was asked.

    Args:
        text: one sentence, or several lines; never a secret.
        hint: what to do about it.
        exit_code: of the list above.
        code: the code of an `ErrorReply`, where there is one.
        reason: a short slug for programs.
        device_code: the device's own result code.
        data: further facts for `--json`.
    """

    def __init__(
        self,
        text: str,
        *,
        hint: str = "",
        exit_code: int = FAILED,
        code: int | None = None,
        reason: str = "failed",
        device_code: str | None = None,
        data: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(text)
        self.text = text
        self.hint = hint
        self.exit_code = exit_code
        self.code = code
        self.reason = reason
        self.device_code = device_code
        self.data = data or {}

    def as_json(self) -> dict[str, Any]:
        """What `--json` prints: `{"error": {…}}`, with the facts beside it."""
        facts = {
            "exit_code": self.exit_code,
            "code": self.code,
            "reason": self.reason,
            "text": self.text,
            "device_code": self.device_code,
            "hint": self.hint,
        }
        return {
            "error": {name: value for name, value in facts.items() if value not in {None, ""}},
            **self.data,
        }


class UsageError(CliError):
    """The arguments, or a file they name, are not right."""

    def __init__(self, text: str, *, hint: str = "", data: dict[str, Any] | None = None) -> None:
        super().__init__(text, hint=hint, exit_code=USAGE, reason="usage", data=data)
