"""Integer won: the only money there is here."""

from __future__ import annotations

MAX_WON = 10_000_000  # no single amount on this platform comes near it


def won(amount: int) -> str:
    """Format for people: ``₩12,300``, ``-₩500``."""
    return f"{'-' if amount < 0 else ''}₩{abs(amount):,}"


def share(amount: int, percent: int) -> int:
    """Return ``percent`` of ``amount``, rounded down to the won."""
    return amount * percent // 100
