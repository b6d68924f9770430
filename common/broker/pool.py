"""Connections to the broker that are borrowed for a moment and never waited for at the end."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from kombu import Connection
from kombu.exceptions import LimitExceeded, OperationalError
from kombu.pools import connections


@contextmanager
def borrowed(way: Connection, *, patience_s: float) -> Iterator[Connection]:
    """Lend a connection like ``way``; after an error it is dropped without a farewell.

    A blocked broker would never answer one, and its late confirmation would be taken for that of
    the next message.
    """
    with connections[way].acquire(block=True, timeout=patience_s) as connection:
        try:
            yield connection
        except BaseException:
            connection.collect()
            raise


def broker_errors(connection: Connection) -> tuple[type[BaseException], ...]:
    """Return everything that a broker in trouble raises, whichever it is."""
    own = (OperationalError, LimitExceeded, OSError)
    return (*own, *connection.connection_errors, *connection.channel_errors)
