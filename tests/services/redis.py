"""Redis, as the embedded default starts it."""

from __future__ import annotations

from balrottuieo.supervisor.embedded_redis import redis_answers, redis_binary, redis_command
from tests.services.base import Service


class RedisServer(Service):
    """As the embedded one: nothing is kept over a restart."""

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def command(self) -> tuple[str, ...]:
        return redis_command(binary=redis_binary(), port=self.port, directory=self.directory)

    def ready(self) -> bool:
        return redis_answers(self.port)
