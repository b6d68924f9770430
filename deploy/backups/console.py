"""What the two commands share at the terminal and in a journal."""

from __future__ import annotations

import signal
import sqlite3
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

import psycopg
from bson.errors import BSONError
from pymongo.errors import PyMongoError

from deploy.backups.engine import BackupError

ANTICIPATED = (BackupError, OSError, sqlite3.Error, psycopg.Error, PyMongoError, BSONError)
EVERY_S = 10


def say(text: str) -> None:
    """Print for people; what programs read goes to the standard output."""
    print(text, file=sys.stderr, flush=True)


@contextmanager
def step(what: str) -> Iterator[None]:
    """Say what begins, every 10 s that it goes on, and how long it took."""
    began = time.monotonic()
    over = threading.Event()

    def tell() -> None:
        while not over.wait(EVERY_S):
            say(f"{what} … {time.monotonic() - began:.0f} s")

    say(f"{what} …")
    teller = threading.Thread(target=tell, daemon=True)
    teller.start()
    try:
        yield
    finally:
        over.set()
        teller.join()
    say(f"{what}: {time.monotonic() - began:.1f} s")


@contextmanager
def plain_errors() -> Iterator[None]:
    """Turn anticipated trouble into one line and exit code 1; stopped, still clean up."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _stop)
    try:
        yield
    except ANTICIPATED as error:
        # MongoDB's driver adds the whole answer: bytes, and perhaps somebody's data.
        reason, _comma, _answer = str(error).partition(", full error: ")
        say(f"error: {reason}")
        sys.exit(1)


def _stop(number: int, _frame: FrameType | None) -> None:
    sys.exit(128 + number)
