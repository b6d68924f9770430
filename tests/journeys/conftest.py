"""A clock that stories move, a payment company that remembers, and a stream without a net."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

import pytest
import time_machine
from pytest_django import Settings

from tests.dispatch.conftest import fresh_channel_layer
from tests.payments.gateway import MemoryGateway

__all__ = ["fresh_channel_layer"]

AFTERNOON = dt.datetime(2026, 3, 2, 14, 0, tzinfo=dt.timezone(dt.timedelta(hours=9)))


@pytest.fixture(autouse=True)
def clock() -> Iterator[time_machine.Traveller]:
    """It is a Monday afternoon in Seoul; ``clock.shift(seconds)`` lets time pass."""
    with time_machine.travel(AFTERNOON, tick=True) as traveller:
        yield traveller


@pytest.fixture(autouse=True)
def company(settings: Settings) -> type[MemoryGateway]:
    """The payment company: ``company.holds()`` is the money it took and has not sent back."""
    MemoryGateway.forget()
    settings.PAYMENT_GATEWAY = f"{MemoryGateway.__module__}.{MemoryGateway.__qualname__}"
    return MemoryGateway


@pytest.fixture(autouse=True)
def unrepaired(monkeypatch: pytest.MonkeyPatch) -> None:
    """No look at the database from time to time, which would hide what the stream loses."""
    monkeypatch.setattr("dispatch.consumers.numbered.NumberedConsumer.tick_s", 600)
