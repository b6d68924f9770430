"""One thing that is not as it must be."""

from __future__ import annotations

from typing import NamedTuple


class Finding(NamedTuple):
    """``code`` for programs, ``subject`` for looking it up, ``detail`` for people."""

    code: str
    subject: str
    detail: str
