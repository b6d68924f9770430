"""The engine itself: connections, transactions, indexes."""

from __future__ import annotations

import time
from datetime import datetime
from typing import Any

from bson import Int64
from django.db.models import Index
from django_mongodb_backend import base
from django_mongodb_backend.operations import DatabaseOperations as BaseOperations
from pymongo.errors import PyMongoError

from common.mongodb.errors import translated

COMMIT_PATIENCE_S = 10.0
LEAST_LONG = -(2**63)


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


class DatabaseWrapper(base.DatabaseWrapper):
    ops_class = DatabaseOperations
    SchemaEditorClass = DatabaseSchemaEditor

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
            except base.Database.DatabaseError as error:
                if not _may_be_committed(error) or time.monotonic() > deadline:
                    raise
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


# The backend's unique indexes hold values "of type string". The planner cannot tell that a query
# for one value is among them and would scan the collection, but it can for "from '' on".
FROM_LEAST: dict[str, dict[str, Any]] = {
    "string": {"$gte": ""},
    "long": {"$gte": Int64(LEAST_LONG)},
    "date": {"$gte": datetime.min},  # noqa: DTZ901
}
_made_by_backend = Index.get_pymongo_index_model


def _index_model(self: Index, model: Any, schema_editor: Any, **how: Any) -> Any:
    made = _made_by_backend(self, model, schema_editor, **how)
    if made is not None and how.get("unique"):
        for condition in made.document.get("partialFilterExpression", {}).values():
            _say_by_range(condition)
    return made


def _say_by_range(condition: Any) -> None:
    if isinstance(condition, dict) and condition.get("$type") in FROM_LEAST:
        least = FROM_LEAST[condition.pop("$type")]
        if not condition:  # a condition of its own on this field implies a value already
            condition.update(least)


Index.get_pymongo_index_model = _index_model
