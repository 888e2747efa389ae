"""Leave to open one stream: what it cost is given back where nothing could be opened."""

from types import TracebackType
from typing import Self

from cambus.media_relay.tokens import Tokens, UsedToken
from cambus.schemas.errors import CambusError


class Admission:
    """What `Access.admit` gives; a stream is opened within it.

    For example::

        async with await access.admit(request, wanted):
            await stream.ready(...)

    A `CambusError` out of that (the device is offline, there are too many viewers, …) makes the token good for
    another try, as long as it would have been.

    Args:
        tokens: where the token came from; None where none was needed.
        used: the token.
    """

    def __init__(self, tokens: Tokens | None = None, used: UsedToken | None = None) -> None:
        self._tokens = tokens
        self._used = used

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, CambusError):
            await self.give_back()

    async def give_back(self) -> bool:
        """Nothing was opened; whether there was a token to give back."""
        used, self._used = self._used, None
        if self._tokens is None or used is None:
            return False
        await self._tokens.give_back(used)
        return True
