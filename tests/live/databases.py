"""The tests' database as another process finds it, and new ones beside it."""

from __future__ import annotations

import os

import psycopg
from django.db import connection
from psycopg import sql

SERVER_URL = os.environ["DATABASE_URL"]  # as tests.environment chose it, before Django's "test_"


def database_url() -> str:
    """Return the address of the database that this test uses."""
    name = str(connection.settings_dict["NAME"])
    return f"sqlite:///{name}" if connection.vendor == "sqlite" else _beside(name)


def own_database(name: str) -> dict[str, str]:
    """Make an empty database; return the variable that gives it to a product.

    Nothing where the tests run on SQLite: the product's own default is one already.
    """
    if connection.vendor == "sqlite":
        return {}
    if connection.vendor == "postgresql":
        with psycopg.connect(SERVER_URL, autocommit=True) as server:
            server.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    return {"DATABASE_URL": _beside(name)}


def _beside(name: str) -> str:
    server, _slash, rest = SERVER_URL.rpartition("/")
    _old, mark, query = rest.partition("?")
    return f"{server}/{name}{mark}{query}"
