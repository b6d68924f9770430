"""The product on the services it has in production: MongoDB or PostgreSQL, RabbitMQ and Redis."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Any, Self

import redis

from tests.live.product import Product
from tests.services import MongoServer, PostgresServer, RabbitServer, RedisServer

READY = "Stop with Ctrl-C."
KNOT = "a-knot-in-a-handkerchief"


class Stack:
    """Servers, and the product on them. Ends with the `with` block."""

    def __init__(
        self, checkout: Path, database: type[MongoServer | PostgresServer] = MongoServer
    ) -> None:
        self.database = database()
        self.broker = RabbitServer()
        self.redis = RedisServer()
        self.checkout = checkout

    def unacknowledged(self) -> int:
        """How many tasks workers have taken and not finished."""
        queues = self.broker.listed("queues", "messages_unacknowledged")
        return sum(int(queue["messages_unacknowledged"]) for queue in queues)

    def runners_on_the_map(self) -> int:
        with redis.Redis.from_url(self.redis.url) as client:
            found: Any = client.zcard("dispatch:where")
            return int(found)

    def tie_a_knot(self) -> None:
        """Leave a key in Redis that only a Redis which kept its memory still has."""
        with redis.Redis.from_url(self.redis.url) as client:
            client.set(KNOT, 1)

    def knot_is_there(self) -> bool:
        with redis.Redis.from_url(self.redis.url) as client:
            return bool(client.exists(KNOT))

    def __enter__(self) -> Self:
        try:
            for server in (self.database, self.broker, self.redis):
                server.start()
            self.product = Product(
                self.checkout,
                variables={
                    "DATABASE_URL": self.database.url,
                    "CELERY_BROKER_URL": self.broker.url,
                    "REDIS_URL": self.redis.url,
                },
            )
            self.product.said(READY, seconds=120)
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if hasattr(self, "product"):
            self.product.__exit__(kind, error, trace)
        for server in (self.redis, self.broker, self.database):
            server.close()
