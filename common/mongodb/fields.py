"""Keys of other people's apps."""

from __future__ import annotations

import os
import threading
import time
from typing import TYPE_CHECKING, Any

from django.db import models

EPOCH_MS = 1_700_000_000_000
RANDOM_BITS = 22

if TYPE_CHECKING:
    BigAutoField = models.BigAutoField[int, int]
else:
    BigAutoField = models.BigAutoField


class IntegerIdField(BigAutoField):
    """An integer key made by us and stored as ``_id``; see :func:`integer_key`.

    MongoDB counts nothing up. The apps that come with Django and allauth expect of a key that it
    is a number and fits into JSON, which an ObjectId does not.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs["db_column"] = "_id"
        super().__init__(*args, **kwargs)

    def deconstruct(self) -> Any:
        name, path, args, kwargs = super().deconstruct()
        del kwargs["db_column"]
        return name, path, args, kwargs

    def get_internal_type(self) -> str:
        return "BigIntegerField"

    def get_pk_value_on_save(self, instance: models.Model) -> int:
        return integer_key()


_lock = threading.Lock()
_last = 0


def integer_key() -> int:
    """Return milliseconds, then 22 random bits: 63 bits that last until 2093.

    Within a process each is greater than the one before. By chance alone a hundred keys of one
    millisecond, as Django's permissions are made after a migration, would meet once in 800 times.
    """
    global _last  # one row of keys per process is the point
    milliseconds = time.time_ns() // 1_000_000 - EPOCH_MS
    random = int.from_bytes(os.urandom(4), "big") >> (32 - RANDOM_BITS)
    with _lock:
        _last = max(milliseconds << RANDOM_BITS | random, _last + 1)
        return _last
