"""Time-ordered keys (RFC 9562 UUIDv7) for every model of ours."""

from __future__ import annotations

import os
import threading
import time
import uuid
from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import models

_lock = threading.Lock()
_last = 0


def uuid7() -> uuid.UUID:
    """Return a UUIDv7: 48 bits of milliseconds, 12 of sub-millisecond order, 62 random.

    The 12 bits follow RFC 9562 §6.2 method 3 and only move forward within a process, so that
    rows made one after the other also sort one after the other.
    """
    global _last  # one counter per process is the point of method 3
    with _lock:
        now = time.time_ns()
        tick = (now // 1_000_000 << 12) | ((now % 1_000_000) * 4096 // 1_000_000)
        _last = tick = max(tick, _last + 1)
    random_bits = int.from_bytes(os.urandom(8), "big") & ((1 << 62) - 1)
    ms, order = tick >> 12, tick & 0xFFF
    return uuid.UUID(int=(ms << 80) | (0x7 << 76) | (order << 64) | (0b10 << 62) | random_bits)


def first_at(moment: datetime) -> uuid.UUID:
    """Return the least key that a row made at ``moment`` may have: a time to look from."""
    ms = int(moment.timestamp() * 1_000)
    return uuid.UUID(int=(ms << 80) | (0x7 << 76) | (0b10 << 62))


if TYPE_CHECKING:
    UUIDField = models.UUIDField[uuid.UUID, uuid.UUID]
else:
    UUIDField = models.UUIDField


class UUID7Field(UUIDField):
    """Primary key that sorts by creation time. On MongoDB it is the document's ``_id``.

    The migrations do not know the difference: one set of them serves every database.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("primary_key", True)
        kwargs.setdefault("default", uuid7)
        kwargs.setdefault("editable", False)
        super().__init__(*args, **kwargs)

    def get_attname_column(self) -> tuple[str, str | None]:
        attname, column = super().get_attname_column()
        return attname, "_id" if self.primary_key and settings.ON_MONGODB else column
