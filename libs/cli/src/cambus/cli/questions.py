"""Questions to whoever sits at the terminal."""

import sys

import typer

from cambus.cli.failures import UsageError


def confirm(question: str) -> None:
    """Have a person say yes.

    Raises:
        UsageError: there is no terminal to ask at.
        typer.Abort: the answer is no.
    """
    if not sys.stdin.isatty():
        raise UsageError(f"nobody is here to say yes to: {question}", hint="--yes, if you mean it")
    typer.confirm(question, abort=True, err=True)


def ask_secret(name: str) -> str:
    """Have a person type a secret, twice, unseen."""
    secret: str = typer.prompt(name, hide_input=True, confirmation_prompt=True, err=True)
    return secret
