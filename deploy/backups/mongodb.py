"""MongoDB: read in one snapshot, written as mongodump's directory, so that mongorestore reads it.

The documents are never decoded: what comes back is, byte for byte, what was there.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any
from urllib.parse import quote

import bson
from bson import json_util
from bson.codec_options import CodecOptions
from bson.raw_bson import RawBSONDocument
from pymongo import MongoClient
from pymongo.client_session import ClientSession
from pymongo.collection import Collection
from pymongo.database import Database
from pymongo.errors import ConfigurationError, InvalidURI, OperationFailure
from pymongo.uri_parser import parse_uri

from deploy.backups.engine import PATIENCE_S, BackupError, Facts

Document = dict[str, Any]
RAW: CodecOptions[RawBSONDocument] = CodecOptions(document_class=RawBSONDocument)
BATCH = 1_000
STAGED = "restoring."
METADATA = ".metadata.json"
SNAPSHOT_TOO_OLD = 239


class MongoDb:
    name = "mongodb"

    def __init__(self, url: str) -> None:
        self._url = url
        try:
            parsed = parse_uri(url, validate=False)
        except (InvalidURI, ConfigurationError, ValueError):  # its text may quote the password
            raise BackupError("DATABASE_URL is not an address of MongoDB.") from None
        if not parsed["database"]:
            raise BackupError("DATABASE_URL names no database: mongodb://HOST/NAME.")
        hosts = ",".join(f"{host}:{port}" for host, port in parsed["nodelist"])
        self.where = f"{parsed['database']} at {hosts}"

    def counts(self) -> dict[str, int]:
        with self._connected() as database:
            names = [info["name"] for info in _collections(database)]
            return {name: database[name].count_documents({}) for name in names}

    def dump(self, folder: Path) -> Facts:
        with self._connected() as database, _snapshot(database) as session:
            into = folder / "dump" / database.name
            into.mkdir(parents=True)
            counts = {
                info["name"]: _dump(database, info, into=into, session=session)
                for info in _collections(database)
            }
            migrations = _migrations(database, session)
            version = database.client.server_info()["version"]
        return Facts(server=f"MongoDB {version}", counts=counts, migrations=migrations)

    def load(self, folder: Path) -> None:
        """Load it beside what is there, with its indexes, and only then take its place."""
        with self._connected() as database:
            _drop_staged(database)
            try:
                files = sorted(folder.glob(f"dump/*/*{METADATA}"))
                _take_the_place(database, [_stage(database, file) for file in files])
            finally:
                _drop_staged(database)

    @contextmanager
    def _connected(self) -> Iterator[Database[Document]]:
        patience = PATIENCE_S * 1_000
        with MongoClient[Document](
            self._url, serverSelectionTimeoutMS=patience, connectTimeoutMS=patience, w="majority"
        ) as client:
            yield client.get_default_database()


@contextmanager
def _snapshot(database: Database[Document]) -> Iterator[ClientSession]:
    """Open a session whose reads all see the moment of the first."""
    try:
        with database.client.start_session(snapshot=True) as session:
            yield session
    except OperationFailure as error:
        if error.code == SNAPSHOT_TOO_OLD:
            hint = "Raise the server's minSnapshotHistoryWindowInSeconds above the time it took."
            raise BackupError(f"The server forgot the moment of this dump. {hint}") from error
        raise


def _collections(database: Database[Document]) -> list[Document]:
    """List what belongs to the database: not the server's own, not what a restore left."""
    found = sorted(database.list_collections(), key=lambda info: str(info["name"]))
    return [dict(info) for info in found if not info["name"].startswith(("system.", STAGED))]


def _dump(
    database: Database[Document], info: Document, *, into: Path, session: ClientSession
) -> int:
    """Write one collection and what describes it; return how many documents."""
    name = info["name"]
    if info["type"] != "collection":
        raise BackupError(f"{name} is a {info['type']}; only collections can be kept.")
    metadata = {
        "options": info["options"],
        "indexes": list(database[name].list_indexes()),
        "uuid": info["info"]["uuid"].hex(),
        "collectionName": name,
    }
    file = into / quote(name, safe="")
    text = json_util.dumps(metadata, json_options=json_util.CANONICAL_JSON_OPTIONS)
    file.with_name(file.name + METADATA).write_text(text, encoding="utf-8")
    documents = database[name].with_options(codec_options=RAW).find(session=session)
    written = 0
    with file.with_name(f"{file.name}.bson").open("wb") as stream:
        for document in documents:
            stream.write(document.raw)
            written += 1
    return written


def _migrations(database: Database[Document], session: ClientSession) -> dict[str, str]:
    applied = database["django_migrations"].find(session=session).sort("name")
    return {migration["app"]: migration["name"] for migration in applied}


def _stage(database: Database[Document], file: Path) -> str:
    """Load one collection under a name of its own; return the name it will have."""
    metadata = json_util.loads(
        file.read_text(encoding="utf-8"), json_options=json_util.CANONICAL_JSON_OPTIONS
    )
    name: str = metadata["collectionName"]
    database.command("create", STAGED + name, **metadata["options"])
    _insert(database[STAGED + name], file.with_name(file.name.removesuffix(METADATA) + ".bson"))
    indexes = [index for index in metadata["indexes"] if index["name"] != "_id_"]
    if indexes:
        database.command("createIndexes", STAGED + name, indexes=indexes)
    return name


def _insert(collection: Collection[Document], file: Path) -> None:
    raw = collection.with_options(codec_options=RAW)
    with file.open("rb") as stream:
        documents = bson.decode_file_iter(stream, RAW)
        while batch := list(islice(documents, BATCH)):
            raw.insert_many(batch)


def _take_the_place(database: Database[Document], names: list[str]) -> None:
    for name in names:
        database[STAGED + name].rename(name, dropTarget=True)
    for info in _collections(database):
        if info["name"] not in names:
            database.drop_collection(info["name"])


def _drop_staged(database: Database[Document]) -> None:
    for name in database.list_collection_names():
        if name.startswith(STAGED):
            database.drop_collection(name)
