"""SQLite, PostgreSQL or MongoDB: what follows from ``DATABASE_URL``, and from nothing else."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlsplit

import dj_database_url

CONNECT_S = 3
STALL_S = 10
SLOWEST_STATEMENT_S = 60

SQLITE: dict[str, Any] = {
    # WAL lets readers go on beside a writer; IMMEDIATE queues writers instead of failing them.
    "timeout": 20,
    "transaction_mode": "IMMEDIATE",
    "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA foreign_keys=ON;",
}
POSTGRESQL: dict[str, Any] = {
    "connect_timeout": CONNECT_S,
    "tcp_user_timeout": STALL_S * 1_000,
    # Values go beside the statement; one that a connection has asked twice is planned beforehand.
    "server_side_binding": True,
    "prepare_threshold": 2,
    "options": f"-c statement_timeout={SLOWEST_STATEMENT_S}s"
    f" -c idle_in_transaction_session_timeout={SLOWEST_STATEMENT_S}s",
}
MONGODB: dict[str, Any] = {
    "appname": "balrottuieo",
    "w": "majority",
    "connectTimeoutMS": CONNECT_S * 1_000,
    "serverSelectionTimeoutMS": CONNECT_S * 1_000,
    "waitQueueTimeoutMS": CONNECT_S * 1_000,
    "socketTimeoutMS": SLOWEST_STATEMENT_S * 1_000,
}
MONGODB_KEY = "common.mongodb.fields.IntegerIdField"
# Their own migrations count keys up, which MongoDB does not; ours make the same tables without.
MONGODB_MIGRATIONS = {
    app: f"common.mongodb.migrations.{app}" for app in ("account", "admin", "auth", "contenttypes")
}


def is_mongodb(url: str) -> bool:
    return urlsplit(url).scheme in {"mongodb", "mongodb+srv"}


def database(url: str, *, pool_size: int) -> dict[str, Any]:
    """Return Django's settings of the database at ``url``.

    ``pool_size`` is the most connections of one process, where there is a pool. What the query
    part of the address says goes before our own choices.

    Raises:
        ValueError: an address that cannot be read, or of another kind of database.
    """
    if is_mongodb(url):
        return _mongodb(url, pool_size)
    if urlsplit(url).scheme not in {"sqlite", "postgres", "postgresql"}:
        raise ValueError("DATABASE_URL is sqlite:///…, postgres://… or mongodb://…")
    found: dict[str, Any] = dict(dj_database_url.parse(url))
    own: dict[str, Any] = found.get("OPTIONS", {})
    if found["ENGINE"] == "django.db.backends.sqlite3":
        # A file, as in production: an in-memory database locks whole tables between threads.
        test = {"NAME": f"{found['NAME']}.test"}
        # Kept by their threads: opening one takes longer than most queries.
        return {**found, "CONN_MAX_AGE": None, "OPTIONS": {**SQLITE, **own}, "TEST": test}
    pool = {"min_size": 1, "max_size": pool_size, "timeout": CONNECT_S}
    health = {"CONN_HEALTH_CHECKS": True}  # a pool may hold connections from before a restart
    if own.get("prepare_threshold") == 0:
        own["prepare_threshold"] = None  # never; psycopg itself would take 0 for "at once"
    # The last word counts: what the address asks the server for is added to ours.
    asked = f"{POSTGRESQL['options']} {own.pop('options', '')}".strip()
    return {**found, **health, "OPTIONS": {"pool": pool, **POSTGRESQL, **own, "options": asked}}


def _mongodb(url: str, pool_size: int) -> dict[str, Any]:
    # The driver reads the whole address; what stands there must not be overridden by us.
    said = {name.lower() for name in parse_qs(urlsplit(url).query)}
    options = {**MONGODB, "maxPoolSize": pool_size}
    return {
        "ENGINE": "common.mongodb",
        "NAME": urlsplit(url).path.lstrip("/"),
        "HOST": url,
        "OPTIONS": {name: value for name, value in options.items() if name.lower() not in said},
    }


def contrib_apps(url: str) -> list[str]:
    """Return Django's own apps that have tables with keys, fit for the database at ``url``."""
    if is_mongodb(url):
        return [f"common.mongodb.apps.{app}Config" for app in ("Admin", "Auth", "ContentTypes")]
    return [f"django.contrib.{app}" for app in ("admin", "auth", "contenttypes")]
