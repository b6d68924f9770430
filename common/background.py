"""Coroutines for code that has no event loop: one loop of the process, on a thread of its own."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")

_starting = threading.Lock()
_loops: list[asyncio.AbstractEventLoop] = []
os.register_at_fork(after_in_child=_loops.clear)  # a child inherits the list, but no thread


def run_elsewhere(coroutine: Coroutine[Any, Any, T]) -> T:
    """Wait for ``coroutine``, which runs beside others and may keep its connections for them."""
    return asyncio.run_coroutine_threadsafe(coroutine, _loop()).result()


def _loop() -> asyncio.AbstractEventLoop:
    with _starting:
        if not _loops:
            loop = asyncio.new_event_loop()
            threading.Thread(target=loop.run_forever, name="background", daemon=True).start()
            _loops.append(loop)
        return _loops[0]
