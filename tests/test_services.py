"""The tests' own ground: services that start, die and come back, and skips that fail."""

from __future__ import annotations

import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import psycopg
import pytest
from kombu import Connection, Producer, Queue
from pymongo import MongoClient, WriteConcern

from balrottuieo.supervisor.embedded_redis import redis_answers
from tests.services import (
    MongoServer,
    PostgresServer,
    RabbitServer,
    RedisServer,
    Service,
    ServiceFailedError,
)

ROOT = Path(__file__).resolve().parents[1]
QUIET = ("-p", "no:cacheprovider", "-p", "no:randomly", "-p", "no:django", "-p", "tests.no_skips")


def test_redis_comes_back_on_its_port_and_leaves_nothing() -> None:
    with RedisServer() as redis:
        redis.kill()
        assert not redis_answers(redis.port)
        redis.start()
        assert redis_answers(redis.port)
    assert not redis_answers(redis.port)
    assert not redis.directory.exists()


@pytest.mark.live
@pytest.mark.once
def test_postgresql_keeps_its_rows_over_a_crash() -> None:
    with PostgresServer() as server:
        with psycopg.connect(server.url) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 7 AS number")
        server.kill()
        server.start()
        with psycopg.connect(server.url) as connection:
            assert connection.execute("SELECT number FROM kept").fetchone() == (7,)
    assert not server.directory.exists()


@pytest.mark.live
@pytest.mark.once
def test_mongodb_keeps_its_documents_over_a_crash() -> None:
    with MongoServer() as server:
        with MongoClient[dict[str, int]](server.url) as client:
            kept = client.get_default_database()["kept"].with_options(
                write_concern=WriteConcern("majority", j=True)
            )
            kept.insert_one({"number": 7})
        server.kill()
        server.start()
        with MongoClient[dict[str, int]](server.url) as client:
            (document,) = client.get_default_database()["kept"].find()
            assert document["number"] == 7
    assert not server.directory.exists()


def epmds_of(server: RabbitServer) -> int:
    """How many port mappers run for it: other programs may have theirs."""
    found = 0
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):  # it ended while we looked
            words = file.read_text(errors="replace").split("\0")
            found += words[0] == "epmd" and str(server._epmd_port) in words
    return found


@pytest.mark.live
@pytest.mark.once
def test_rabbitmq_keeps_its_messages_over_a_crash() -> None:
    kept = Queue("kept", queue_arguments={"x-queue-type": "quorum"})
    with RabbitServer() as server:
        with Connection(server.url, transport_options={"confirm_publish": True}) as connection:
            Producer(connection).publish("7", routing_key="kept", declare=[kept])
        server.kill()
        server.start()
        assert epmds_of(server) == 1
        with Connection(server.url) as connection:
            found = kept.bind(connection.default_channel).get(no_ack=True)
            assert found is not None
            assert found.payload == "7"
    assert not server.directory.exists()
    assert epmds_of(server) == 0


class Broken(Service):
    def command(self) -> tuple[str, ...]:
        return (sys.executable, "-c", "print('no such luck'); raise SystemExit(3)")

    def ready(self) -> bool:
        return False


def test_a_service_that_does_not_start_says_what_it_wrote() -> None:
    broken = Broken()
    with pytest.raises(ServiceFailedError, match=r"(?s)ended with code 3:.*no such luck"):
        broken.start()
    assert not broken.directory.exists()


@pytest.mark.parametrize(("body", "code"), [("assert True", 0), ("pytest.skip('tired')", 1)])
def test_a_skip_fails_the_run(tmp_path: Path, body: str, code: int) -> None:
    (tmp_path / "test_it.py").write_text(f"import pytest\ndef test_it():\n    {body}\n")
    (tmp_path / "pytest.ini").write_text(f"[pytest]\npythonpath = {ROOT}\n")
    command = (sys.executable, "-m", "pytest", "-q", *QUIET, str(tmp_path))
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == code, done.stdout
    assert ("not allowed: test_it.py::test_it was skipped" in done.stdout) == bool(code)
