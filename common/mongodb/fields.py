"""Keys of other people's apps."""

from __future__ import annotations

import os
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
    """An integer key made by us and stored as ``_id``: milliseconds, then 22 random bits.

    MongoDB counts nothing up. The apps that come with Django and allauth expect of a key that it
    is a number and fits into JSON, which an ObjectId does not. 63 bits last until 2093.
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
        milliseconds = time.time_ns() // 1_000_000 - EPOCH_MS
        random = int.from_bytes(os.urandom(4), "big") >> (32 - RANDOM_BITS)
        return milliseconds << RANDOM_BITS | random
