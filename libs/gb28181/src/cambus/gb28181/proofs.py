"""The proofs of the requests between a platform and those of its devices that want them (GB-277)."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Mapping

from cambus.gb28181.accounts import Accounts
from cambus.gb28181.binding import Binding
from cambus.gb28181.signing import Signature
from cambus.sip.dialog import DialogKey
from cambus.sip.errors import ProtocolError
from cambus.sip.fields import NameAddress
from cambus.sip.message import Request
from cambus.sip.peer import Peer
from cambus.sip.uri import SipUri

logger = logging.getLogger(__name__)


class PlatformProofs:
    """Signs and judges requests, device by device.

    Args:
        accounts: who wants it.
        binding: where a device is.
        dialogs: the device each dialog is with, empty for none, and something else.
        only_one_at: the device at a source, None where there is none or more than one.
        counts: what was refused, by reason.
    """

    def __init__(
        self,
        accounts: Accounts,
        binding: Callable[[str], Binding | None],
        dialogs: Mapping[DialogKey, tuple[str, object]],
        only_one_at: Callable[[Peer], str | None],
        counts: Counter[str],
    ) -> None:
        self._accounts = accounts
        self._binding = binding
        self._dialogs = dialogs
        self._only_one_at = only_one_at
        self._counts = counts

    def sign(self, request: Request, peer: Peer, device: str = "") -> None:
        """Sign a request to a device that wants it.

        Args:
            request: the request.
            peer: where it goes.
            device: to whom; by default who is addressed, or whose dialog it is, or who is there.
        """
        signature = self._signature(device or self._addressee(request, peer))
        if signature is not None:
            signature.sign(request)

    def objection(self, request: Request, device: str | None) -> str | None:
        """Why a request of a device is refused; None if it is proven, or need not be."""
        signature = self._signature(device)
        objection = signature.objection(request) if signature is not None else None
        if objection is not None:
            self._counts[objection] += 1
            logger.info("a request is not proven", extra={"device": device, "reason": objection})
        return objection

    def bound_at(self, device: str, peer: Peer) -> bool:
        """Whether a device is there."""
        binding = self._binding(device)
        return binding is not None and binding.is_source(peer)

    def _signature(self, device: str | None) -> Signature | None:
        account = self._accounts.account(device) if device else None
        return account.signature if account is not None else None

    def _addressee(self, request: Request, peer: Peer) -> str | None:
        try:
            called = SipUri.parse(NameAddress.parse(request.headers.get("To") or "").uri).user
            dialog = (request.call_id, request.from_tag, request.to_tag)
        except ProtocolError:
            return None  # what can not be read is not sent
        if self.bound_at(called, peer):
            return called
        device = self._dialogs[dialog][0] if dialog in self._dialogs else ""
        return device or self._only_one_at(peer)
