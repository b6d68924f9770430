"""Whose a bank account is, as somebody says who knows."""

from __future__ import annotations

from typing import Protocol, cast

from django.conf import settings
from django.utils.module_loading import import_string


class Holders(Protocol):
    """A service that knows the holders of Korean bank accounts.

    Raises :class:`~payments.gateways.GatewayDown` when it does not answer in time.
    """

    def holder_of(self, *, bank: str, number: str, timeout_s: float) -> str | None:
        """Return the holder's name as the bank has it, or None if there is no such account."""


class SandboxHolders:
    """Knows every account but those that end in 0000; their holder is whoever is asked about."""

    anybody = "*"

    def holder_of(self, *, bank: str, number: str, timeout_s: float) -> str | None:
        return None if number.endswith("0000") else self.anybody


def holders() -> Holders:
    """Return what ``HOLDER_CHECK`` names."""
    return cast("Holders", import_string(settings.HOLDER_CHECK)())
