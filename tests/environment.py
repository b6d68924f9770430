"""A pytest plugin, loaded before the settings: real services, and an environment of our own.

``TEST_DB=postgresql`` runs the chosen tests on a real PostgreSQL; the default is SQLite.
"""

from __future__ import annotations

import atexit
import os

from tests.services import PostgresServer, RedisServer, Service


def _own(service: Service) -> None:
    service.start()
    atexit.register(service.close)


def _start() -> None:
    """Start what the tests need; the settings read these variables right afterwards."""
    redis = RedisServer()
    _own(redis)
    os.environ.update(
        DEBUG="true",
        SANDBOX="false",
        # Beside Redis, and gone with it: two runs in one checkout never share a file.
        DATABASE_URL=f"sqlite:///{redis.directory / 'db.sqlite3'}",
        REDIS_URL=redis.url,
        CELERY_BROKER_URL=redis.url,
        EMAIL_URL="memory://",
        CLOUDINARY_URL="",
        MAP_TILE_URL="",
    )
    if os.environ.get("TEST_DB") == "postgresql":
        postgres = PostgresServer()
        _own(postgres)
        os.environ["DATABASE_URL"] = postgres.url


_start()
