"""Connections to the broker for a moment, never waited for at the end.

A blocked broker would not answer a farewell, and its late confirmation would be taken for that of
the next message.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from kombu import Connection
from kombu.exceptions import LimitExceeded, OperationalError
from kombu.pools import connections


@contextmanager
def borrowed(way: Connection, *, patience_s: float) -> Iterator[Connection]:
    """Lend a connection like ``way``, maybe one from before the broker's last restart.

    After an error it is dropped.
    """
    with connections[way].acquire(block=True, timeout=patience_s) as connection:
        try:
            yield connection
        except BaseException:
            connection.collect()
            raise


@contextmanager
def opened(way: Connection) -> Iterator[Connection]:
    """Open ``way``, for those who come seldom: it was made now, and is dropped at the end."""
    try:
        yield way
    finally:
        way.collect()


def broker_errors(connection: Connection) -> tuple[type[BaseException], ...]:
    """Return everything that a broker in trouble raises, whichever it is."""
    own = (OperationalError, LimitExceeded, OSError)
    return (*own, *connection.connection_errors, *connection.channel_errors)
