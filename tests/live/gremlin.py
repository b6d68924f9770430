"""A broker's bad dream: every message is delivered a second time, later and in another order."""

from __future__ import annotations

import random
from typing import Any

from kombu import Connection, Consumer, Exchange, Message, Producer, Queue

from tests.live.background import Background

MARK = "delivered-again"
PAUSE_S = 0.5
# So many wait to be mixed before the first of them goes out again.
HELD_BACK = 10


class Gremlin(Background):
    """Listens to all task queues' exchanges until the `with` block ends, then sends the rest."""

    def __init__(self, url: str, exchanges: tuple[str, ...]) -> None:
        super().__init__()
        self._url = url
        self._exchanges = exchanges
        self._held: list[tuple[Any, dict[str, Any]]] = []
        self._dice = random.Random(7)
        self.repeated = 0

    def work(self) -> None:
        with Connection(self._url) as connection, connection.channel() as channel:
            # Bound beside the real queues: it gets a copy of each message, and takes none away.
            ears = [
                Queue(
                    f"gremlin.{name}", Exchange(name, type="topic", passive=True), routing_key="#",
                    exclusive=True, durable=False,
                )
                for name in self._exchanges
            ]  # fmt: skip
            producer = Producer(channel)
            with Consumer(channel, ears, callbacks=[self._hear], accept=["json"], no_ack=True):
                while not self.over.is_set():
                    self._listen(connection)
                    self._send(producer, keep=HELD_BACK)
            self._send(producer, keep=0)

    def _listen(self, connection: Connection) -> None:
        try:
            connection.drain_events(timeout=PAUSE_S)
        except TimeoutError:
            return

    def _hear(self, body: Any, message: Message) -> None:
        if MARK not in message.headers:
            self._held.append(
                (
                    message.body,
                    {
                        "headers": {**message.headers, MARK: True},
                        "properties": message.properties,
                        "content_type": message.content_type,
                        "content_encoding": message.content_encoding,
                        **message.delivery_info,
                    },
                )
            )

    def _send(self, producer: Producer, *, keep: int) -> None:
        while len(self._held) > keep:
            self._publish(producer, *self._held.pop(self._dice.randrange(len(self._held))))

    def _publish(self, producer: Producer, body: Any, how: dict[str, Any]) -> None:
        properties = how["properties"]
        producer.publish(
            body,
            exchange=how["exchange"],
            routing_key=how["routing_key"],
            headers=how["headers"],
            content_type=how["content_type"],
            content_encoding=how["content_encoding"],
            correlation_id=properties.get("correlation_id"),
            delivery_mode=2,
        )
        self.repeated += 1
