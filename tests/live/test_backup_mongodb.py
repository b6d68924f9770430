"""What only MongoDB has: mongodump's format, partial indexes, a restore beside what is there."""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import bson
import pytest
from bson import Decimal128, Int64, json_util
from pymongo import MongoClient
from pymongo.database import Database
from pymongo.errors import DuplicateKeyError

from deploy.backups import mongodb
from tests.live.backups import BACKUP, RESTORE, done, refused, run
from tests.services import MongoServer

pytestmark = [pytest.mark.live, pytest.mark.once]

LONG_AGO = datetime(1, 1, 1, tzinfo=UTC)
PARTIAL = {"number": {"$gte": Int64(0)}, "at": {"$gte": LONG_AGO}, "name": {"$type": "string"}}
PRICED = {"price": {"$exists": True}}
MANY = 2_500  # more than one batch


@pytest.fixture(scope="module")
def server() -> Iterator[MongoServer]:
    with MongoServer() as running:
        yield running


@pytest.fixture
def client(server: MongoServer) -> Iterator[MongoClient[dict[str, Any]]]:
    with MongoClient[dict[str, Any]](server.url) as connected:
        yield connected
        for name in ("shop", "copy"):
            connected.drop_database(name)


@pytest.fixture
def shop(client: MongoClient[dict[str, Any]]) -> Database[dict[str, Any]]:
    database = client["shop"]
    database["django_migrations"].insert_one({"app": "shop", "name": "0001_initial"})
    database["things"].insert_many(
        {"_id": number, "number": Int64(number), "name": f"thing {number}"}
        for number in range(MANY)
    )
    database["things"].create_index("name", unique=True, partialFilterExpression=PARTIAL)
    database.create_collection("odd/names %", validator=PRICED)
    database["odd/names %"].insert_one({"price": Decimal128("1.10"), "": {"$oid": "not an id"}})
    return database


def url_of(server: MongoServer, name: str) -> str:
    return server.url.replace("/balrottuieo?", f"/{name}?")


def take(server: MongoServer, shelf: Path) -> Path:
    return Path(done(run(BACKUP, shelf, url=url_of(server, "shop"))).strip())


def dump_of(packed: Path, name: str) -> bytes:
    with tarfile.open(packed) as archive:
        found = archive.extractfile(f"dump/shop/{name}")
        assert found
        return found.read()


def test_it_is_the_directory_that_mongodump_writes(
    server: MongoServer, shop: Database[dict[str, Any]], shelf: Path
) -> None:
    packed = take(server, shelf)
    assert bson.decode_all(dump_of(packed, "things.bson")) == list(shop["things"].find())
    metadata = json_util.loads(dump_of(packed, "odd%2Fnames%20%25.metadata.json"))
    assert metadata["collectionName"] == "odd/names %"
    assert metadata["options"]["validator"] == PRICED
    assert [index["name"] for index in metadata["indexes"]] == ["_id_"]
    assert len(bytes.fromhex(metadata["uuid"])) == 16


def described(database: Database[dict[str, Any]]) -> dict[str, Any]:
    return {
        info["name"]: (
            info["options"],
            database[info["name"]].index_information(),
            list(database[info["name"]].find().sort("_id")),
        )
        for info in database.list_collections()
    }


def test_everything_comes_back_as_it_was(
    server: MongoServer, client: MongoClient[dict[str, Any]], shop: Database[dict[str, Any]],
    shelf: Path,
) -> None:  # fmt: skip
    packed = take(server, shelf)
    copy = client["copy"]
    copy["restoring.things"].insert_one({"left": "by a restore that was killed"})
    done(run(RESTORE, packed, url=url_of(server, "copy")))
    assert described(copy) == described(shop)
    matching = {"number": Int64(1), "at": datetime(2026, 1, 1, tzinfo=UTC), "name": "one"}
    copy["things"].insert_one({"_id": -1, **matching})
    with pytest.raises(DuplicateKeyError):
        copy["things"].insert_one({"_id": -2, **matching})


@pytest.fixture
def busy(shop: Database[dict[str, Any]], monkeypatch: pytest.MonkeyPatch) -> None:
    """Whenever a collection is written out, somebody has just added to the next."""
    write_out = mongodb._dump

    def add_and_write_out(*where: Any, **how: Any) -> int:
        written = write_out(*where, **how)
        shop["things"].insert_one({"name": None})
        return written

    monkeypatch.setattr(mongodb, "_dump", add_and_write_out)


@pytest.mark.usefixtures("busy")
def test_all_collections_are_of_one_moment(server: MongoServer, tmp_path: Path) -> None:
    assert mongodb.MongoDb(url_of(server, "shop")).dump(tmp_path).counts["things"] == MANY


@pytest.mark.usefixtures("busy")
def test_control_without_a_snapshot_they_are_not(
    server: MongoServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mongodb, "_snapshot", lambda database: database.client.start_session())
    assert mongodb.MongoDb(url_of(server, "shop")).dump(tmp_path).counts["things"] > MANY


@pytest.mark.usefixtures("shop")
def test_what_is_replaced_is_gone(
    server: MongoServer, client: MongoClient[dict[str, Any]], shelf: Path
) -> None:
    packed = take(server, shelf)
    client["shop"]["newer"].insert_one({"made": "after the backup"})
    client["shop"]["things"].delete_many({})
    done(run(RESTORE, "--replace", packed, url=url_of(server, "shop")))
    assert client["shop"]["things"].count_documents({}) == MANY
    assert "newer" not in client["shop"].list_collection_names()


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"viewOn": "things", "pipeline": []}, "odd is a view; only collections can be kept."),
        (
            {"capped": True, "size": 4_096},
            "Reading from capped collections with readConcern snapshot is not supported",
        ),
    ],
)
def test_what_cannot_be_kept_is_refused_not_left_out(
    server: MongoServer, shop: Database[dict[str, Any]], shelf: Path,
    options: dict[str, Any], why: str,
) -> None:  # fmt: skip
    shop.create_collection("odd", **options)
    refusal = refused(run(BACKUP, shelf, url=url_of(server, "shop")))
    assert refusal == f"error: {why}"
    assert list(shelf.iterdir()) == []
