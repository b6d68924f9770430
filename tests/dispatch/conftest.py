"""Sockets: every test has an event loop of its own."""

from __future__ import annotations

import pytest
from channels.layers import channel_layers


@pytest.fixture(autouse=True)
def fresh_channel_layer() -> None:
    """The layer keeps locks of the loop it was used in; the next test has another loop."""
    channel_layers.backends.clear()
