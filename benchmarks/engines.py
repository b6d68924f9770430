"""The three databases: real servers on loopback, each as durable as it says."""

from __future__ import annotations

import multiprocessing
import secrets
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import AbstractContextManager, ExitStack, contextmanager
from tempfile import TemporaryDirectory
from typing import NamedTuple

from cryptography.fernet import Fernet

from benchmarks import child
from tests.services import MongoServer, PostgresServer, RedisServer


class Engine(NamedTuple):
    """``serve`` runs it for a ``with`` block and gives its ``DATABASE_URL``."""

    name: str
    durability: str
    serve: Callable[[], AbstractContextManager[str]]


@contextmanager
def _sqlite() -> Iterator[str]:
    with TemporaryDirectory(prefix="benchmark-") as directory:
        yield f"sqlite:///{directory}/db.sqlite3"


@contextmanager
def _postgresql() -> Iterator[str]:
    with PostgresServer(durable=True) as server:
        yield server.url


@contextmanager
def _mongodb() -> Iterator[str]:
    with MongoServer() as server:
        yield f"{server.url}&journal=true"


ENGINES = (
    Engine(
        "SQLite",
        "WAL, synchronous=NORMAL: survives a crash; the last commits may go with the power",
        _sqlite,
    ),
    Engine(
        "PostgreSQL",
        "fsync, full_page_writes and synchronous_commit on: a commit is on the disk",
        _postgresql,
    ),
    Engine(
        "MongoDB",
        "replica set of one member, w=majority, j=true: a commit's journal is on the disk",
        _mongodb,
    ),
)


@contextmanager
def running(engine: Engine) -> Iterator[ProcessPoolExecutor]:
    """Run ``engine``, a Redis and one process of the product beside them."""
    with ExitStack() as stack:
        url = stack.enter_context(engine.serve())
        redis = stack.enter_context(RedisServer())
        yield stack.enter_context(
            ProcessPoolExecutor(
                max_workers=1,
                mp_context=multiprocessing.get_context("spawn"),
                initializer=child.begin,
                initargs=(environment(url, redis),),
            )
        )


def environment(database_url: str, redis: RedisServer, **others: str) -> dict[str, str]:
    """As in production (a DEBUG that keeps every query would be measured too), without limits."""
    return {
        "DJANGO_SETTINGS_MODULE": "balrottuieo.settings",
        "DEBUG": "false",
        "SANDBOX": "true",
        "SECRET_KEY": secrets.token_urlsafe(),
        "FIELD_KEYS": Fernet.generate_key().decode(),
        "JWT_PRIVATE_KEY": "nobody signs in",
        "ALLOWED_HOSTS": "testserver",
        "PUBLIC_URL": "http://testserver",
        "SECURE_SSL_REDIRECT": "false",
        "DATABASE_URL": database_url,
        "DATABASE_POOL_SIZE": "40",
        "REDIS_URL": redis.url,
        "CELERY_BROKER_URL": redis.url,
        "EMAIL_URL": "memory://",
        "CLOUDINARY_URL": "",
        "STATIC_ROOT": str(redis.directory),
        "LOG_LEVEL": "WARNING",
        **others,
    }
