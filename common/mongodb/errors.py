"""MongoDB's errors as the ones that every Django program knows."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import DatabaseError, IntegrityError, OperationalError
from pymongo.errors import (
    ConnectionFailure,
    ExecutionTimeout,
    PyMongoError,
    WaitQueueTimeoutError,
    WTimeoutError,
)

UNREACHABLE = (ConnectionFailure, ExecutionTimeout, WaitQueueTimeoutError, WTimeoutError)


class WriteConflict(OperationalError):
    """Another transaction wrote first, and MongoDB does not wait: the unit must run again."""

    sqlstate = "40001"  # what SQL calls it; ``common.db`` retries by this


@contextmanager
def translated() -> Iterator[None]:
    """Raise what the body raises as Django's errors, the original as their cause.

    The backend calls everything but a duplicate a bare DatabaseError, and some of it not even
    that; whoever answers 503 or tries again has to know a lost server and a lost race.
    """
    try:
        yield
    except IntegrityError:
        raise
    except PyMongoError as error:
        raise _translation(error) from error
    except DatabaseError as error:
        if not isinstance(error.__cause__, PyMongoError):
            raise
        raise _translation(error.__cause__) from error.__cause__


def _translation(error: PyMongoError) -> DatabaseError:
    if isinstance(error, UNREACHABLE):
        return OperationalError(str(error))
    if error.has_error_label("TransientTransactionError"):
        return WriteConflict(str(error))
    return DatabaseError(str(error))
