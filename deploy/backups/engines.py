"""Which engine an address means."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from dotenv import load_dotenv

from deploy.backups.engine import BackupError, Engine
from deploy.backups.mongodb import MongoDb
from deploy.backups.postgresql import Postgresql
from deploy.backups.sqlite import Sqlite

ROOT = Path(__file__).resolve().parents[2]
ENGINES: dict[str, Callable[[str], Engine]] = {
    "sqlite": Sqlite,
    "postgres": Postgresql,
    "postgresql": Postgresql,
    "mongodb": MongoDb,
    "mongodb+srv": MongoDb,
}


def chosen_engine() -> Engine:
    """Return the engine of ``DATABASE_URL``, read as the product reads it.

    Raises:
        BackupError: it is missing, or is no address of a database we know.
    """
    load_dotenv(ROOT / ".env")
    url = os.environ.get("DATABASE_URL", "")
    scheme, _colon, _rest = url.partition(":")
    if scheme not in ENGINES:
        known = ", ".join(f"{name}://" for name in ENGINES)
        raise BackupError(f"DATABASE_URL must begin with one of {known}.")
    return ENGINES[scheme](url)
