"""A pytest plugin, loaded before the settings: real services, and an environment of our own.

``TEST_DB=postgresql`` or ``mongodb`` runs the chosen tests on a real server; else on SQLite.
"""

from __future__ import annotations

import atexit
import os

from tests.services import MongoServer, PostgresServer, RedisServer, Service

SERVERS: dict[str, type[PostgresServer | MongoServer]] = {
    "postgresql": PostgresServer,
    "mongodb": MongoServer,
}


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
        DATABASE_POOL_SIZE="40",  # races let twenty go at once
    )
    chosen = os.environ.get("TEST_DB", "sqlite")
    if chosen != "sqlite":
        server = SERVERS[chosen]()
        _own(server)
        os.environ["DATABASE_URL"] = server.url


_start()
