"""The engine itself: connections, transactions, indexes."""

from __future__ import annotations

import time
from datetime import datetime
from typing import Any

from bson import Int64
from django.db import DatabaseError
from django_mongodb_backend import base
from django_mongodb_backend.operations import DatabaseOperations as BaseOperations
from pymongo.errors import PyMongoError

from common.mongodb.errors import translated

COMMIT_PATIENCE_S, COMMIT_PAUSE_S = 10.0, 0.1
FROM_LEAST: dict[str, dict[str, Any]] = {
    "string": {"$gte": ""},
    "long": {"$gte": Int64(-(2**63))},
    "date": {"$gte": datetime.min},  # noqa: DTZ901
}


class DatabaseOperations(BaseOperations):
    compiler_module = "common.mongodb.compiler"

    def prep_for_iexact_query(self, x: str) -> str:
        """Take the value for text: as a regular expression ``.*`` would match every user."""
        escaped: str = self.prep_for_like_query(x)
        return escaped


class DatabaseSchemaEditor(base.DatabaseWrapper.SchemaEditorClass):
    def effective_default(self, field: Any) -> dict[str, Any]:
        """Add a field's default as a value: ``{}`` or ``"$x"`` would be taken for a program."""
        return {"$literal": super().effective_default(field)}

    def add_index(self, model: Any, index: Any, *, unique: bool = False, **how: Any) -> None:
        """Create an index; a unique one in words that the query planner understands.

        The backend lets it hold the values "of type string". The planner cannot tell that a
        query for one value is among those and would scan the collection; "from '' on" it can.
        """
        how.pop("parent_model", None)  # for embedded models, which we have none of
        made = index.get_pymongo_index_model(model, schema_editor=self, unique=unique, **how)
        if made is not None:
            conditions = made.document.get("partialFilterExpression", {})
            for condition in conditions.values() if unique else ():
                _say_by_range(condition)
            self.get_collection(model._meta.db_table).create_indexes([made])


def _say_by_range(condition: dict[str, Any]) -> None:
    if condition.get("$type") in FROM_LEAST:
        least = FROM_LEAST[condition.pop("$type")]
        if not condition:  # a condition of its own on this field implies a value already
            condition.update(least)


class DatabaseWrapper(base.DatabaseWrapper):
    ops_class = DatabaseOperations
    SchemaEditorClass = DatabaseSchemaEditor

    def knows_transactions(self) -> bool:
        """Tell whether the server is part of a replica set or a sharded cluster."""
        with translated():
            self.ensure_connection()
            hello = self.connection.admin.command("hello")
        return "setName" in hello or hello.get("msg") == "isdbgrid"

    def commit_mongo(self) -> None:
        """Commit, then run what waits for it.

        A commit whose answer got lost is asked for again, which MongoDB makes safe; the backend
        would raise an error that nobody catches, and leave the session behind.
        """
        deadline = time.monotonic() + COMMIT_PATIENCE_S
        while self.session is not None:
            try:
                with translated():
                    self.session.commit_transaction()
            except DatabaseError as error:
                if not _may_be_committed(error) or time.monotonic() > deadline:
                    raise
                time.sleep(COMMIT_PAUSE_S)
            else:
                self._end_session()
        super().commit_mongo()

    def rollback_mongo(self) -> None:
        """Abort what is open; the server may have done so itself, or be gone."""
        if self.session is not None:
            # Ending a session aborts its transaction, and never fails for a lost server.
            self._end_session()
        super().rollback_mongo()


def _may_be_committed(error: BaseException) -> bool:
    cause = error.__cause__
    return isinstance(cause, PyMongoError) and cause.has_error_label(
        "UnknownTransactionCommitResult"
    )
