"""System checks: say at start, with a hint, what would otherwise fail at night."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cryptography.fernet import Fernet
from django.conf import settings
from django.core import checks
from django.core.checks import CheckMessage, Error
from django.db import connections

from common.broker.topology import is_amqp

FASTEST_WALK_MPS = 8.0


def check_configuration(**_kwargs: Any) -> list[CheckMessage]:
    """Contradictions that no environment may have."""
    found: list[CheckMessage] = []
    if not settings.REDIS_URL.startswith(("redis://", "rediss://", "unix://")):
        found.append(
            Error(
                "REDIS_URL is not a Redis address.",
                hint="Use redis://HOST:PORT/DB.",
                id="common.E001",
            )
        )
    if settings.RUNNER_MAX_SPEED_MPS > FASTEST_WALK_MPS and not settings.SANDBOX:
        found.append(
            Error(
                f"RUNNER_MAX_SPEED_MPS is above {FASTEST_WALK_MPS} m/s: nobody walks so fast.",
                hint="Leave it unset, or set SANDBOX=true for robots.",
                id="common.E002",
            )
        )
    return found


def check_field_keys(**_kwargs: Any) -> list[CheckMessage]:
    """What people entrust to us is encrypted, and not with a key that everybody knows."""
    hint = (
        'python -c "from cryptography.fernet import Fernet; print(Fernet.generate_key().decode())"'
    )
    if not settings.FIELD_KEYS or not all(map(_is_key, settings.FIELD_KEYS)):
        return [Error("FIELD_KEYS must hold Fernet keys.", hint=hint, id="common.E004")]
    if not settings.DEBUG and settings.DEVELOPMENT_FIELD_KEY in settings.FIELD_KEYS:
        return [Error("FIELD_KEYS holds the development key.", hint=hint, id="common.E005")]
    return []


def _is_key(key: str) -> bool:
    try:
        Fernet(key)
    except ValueError:
        return False
    return True


def check_database(*, databases: Sequence[str] | None = None, **_kwargs: Any) -> list[CheckMessage]:
    """A MongoDB server on its own has no transactions: half of a payment could be written."""
    wrong = [alias for alias in databases or () if not _knows_transactions(connections[alias])]
    hint = "Start mongod with --replSet and initiate the set once; one member is enough."
    text = "MongoDB is not a replica set: it has no transactions."
    return [Error(text, hint=hint, obj=alias, id="common.E003") for alias in wrong]


def _knows_transactions(connection: Any) -> bool:
    return connection.vendor != "mongodb" or bool(connection.knows_transactions())


def check_deployment(**_kwargs: Any) -> list[CheckMessage]:
    """What a real deployment must not have."""
    if not settings.SANDBOX:
        return []
    return [
        checks.Warning(
            "SANDBOX is on: payments are pretended and rate limits are off.",
            hint="Unset SANDBOX where real people use this.",
            id="common.W001",
        )
    ]


def check_broker(**_kwargs: Any) -> list[CheckMessage]:
    """A real deployment's messages survive the death of a worker."""
    if is_amqp(settings.CELERY_BROKER_URL):
        return []
    return [
        checks.Warning(
            "The broker is not RabbitMQ: tasks that wait are lost when their worker is killed.",
            hint="Set CELERY_BROKER_URL to amqp://USER:PASSWORD@HOST:5672/VHOST.",
            id="common.W002",
        )
    ]
