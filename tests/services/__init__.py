"""Real services for tests: they work as root and as a plain user, and leave nothing behind."""

from tests.services.base import Service, ServiceFailedError, wait_for
from tests.services.mongo import MongoServer
from tests.services.postgres import PostgresServer
from tests.services.rabbit import RabbitServer
from tests.services.redis import RedisServer

__all__ = [
    "MongoServer",
    "PostgresServer",
    "RabbitServer",
    "RedisServer",
    "Service",
    "ServiceFailedError",
    "wait_for",
]
