"""What time it is, as every database can keep it."""

from __future__ import annotations

from datetime import UTC, datetime


def now() -> datetime:
    """Return the present in UTC, in whole milliseconds.

    MongoDB keeps no more: a finer time would read back as another one than was written, and the
    answer to a POST would differ from that to the GET after it.
    """
    present = datetime.now(UTC)
    return present.replace(microsecond=present.microsecond // 1_000 * 1_000)
