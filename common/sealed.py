"""Fields that the database and its backups hold encrypted, with keys that can be changed.

``FIELD_KEYS`` lists Fernet keys: the first one encrypts, all of them decrypt. To change the key,
put a new one in front, run ``manage.py reseal``, and take the old one away.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cryptography.fernet import Fernet, MultiFernet
from django.apps import apps
from django.conf import settings
from django.core.exceptions import FieldError
from django.db import models

MASK = "••••"


class Secret:
    """A text that shows itself only when asked to: not in a page, a log or a traceback."""

    __slots__ = ("_token",)

    def __init__(self, plain: str = "", *, token: str | None = None) -> None:
        """Seal ``plain``, or hold what was stored as ``token``."""
        self._token = token or _cipher().encrypt(plain.encode()).decode("ascii")

    @property
    def token(self) -> str:
        """What is stored. Sealed again, the same text has another one."""
        return self._token

    def reveal(self) -> str:
        """Return the text; ``cryptography.fernet.InvalidToken`` if its key is gone."""
        return _cipher().decrypt(self._token.encode()).decode()

    def __repr__(self) -> str:
        return MASK

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self._token == other._token

    def __hash__(self) -> int:
        return hash(self._token)


if TYPE_CHECKING:
    TextField = models.Field[Any, Any]  # a Secret, or None where the column may be null
else:
    TextField = models.TextField


class SealedField(TextField):
    """A :class:`Secret`. It can be compared only with what was read from this very row before."""

    def from_db_value(self, value: str | None, _expression: Any, _connection: Any) -> Secret | None:
        return None if value is None else Secret(token=value)

    def to_python(self, value: Any) -> Any:
        return value

    def get_prep_value(self, value: Any) -> str | None:
        if value is None:
            return None
        if not isinstance(value, Secret):
            raise FieldError(
                "A sealed field takes a Secret."
            )  # without the value, which may be one
        return value.token

    def value_to_string(self, obj: models.Model) -> str:
        """A dump holds what the table holds."""
        return str(self.get_prep_value(self.value_from_object(obj)) or "")


def reseal() -> int:
    """Encrypt every sealed value again with the first key; return how many were rewritten.

    A value that changes meanwhile is left alone: whoever changed it used the first key.
    """
    return sum(
        _reseal_field(model, field)
        for model in apps.get_models()
        for field in model._meta.local_fields
        if isinstance(field, SealedField)
    )


def _reseal_field(model: type[models.Model], field: SealedField) -> int:
    rows: models.QuerySet[Any] = models.QuerySet(model)
    return sum(
        rows.filter(pk=pk, **{field.name: old}).update(**{field.name: Secret(old.reveal())})
        for pk, old in list(rows.exclude(**{field.name: None}).values_list("pk", field.name))
    )


def _cipher() -> MultiFernet:
    return MultiFernet([Fernet(key) for key in settings.FIELD_KEYS])
