"""Wrong configuration is said at start."""

from __future__ import annotations

import pytest
from pytest_django import Settings

from common.configuration import check_broker, check_configuration, check_deployment


def test_a_sound_configuration_says_nothing() -> None:
    assert check_configuration() == []
    assert check_deployment() == []


@pytest.mark.parametrize(
    ("change", "identity"),
    [
        ({"REDIS_URL": "http://x"}, "common.E001"),
        ({"RUNNER_MAX_SPEED_MPS": 50.0, "SANDBOX": False}, "common.E002"),
    ],
)
def test_contradictions(settings: Settings, change: dict[str, object], identity: str) -> None:
    for name, value in change.items():
        setattr(settings, name, value)
    assert [found.id for found in check_configuration()] == [identity]


def test_the_sandbox_is_no_place_for_people(settings: Settings) -> None:
    settings.SANDBOX = True
    assert [found.id for found in check_deployment()] == ["common.W001"]


@pytest.mark.parametrize(
    ("url", "found"), [("amqp://here//", []), ("redis://here/0", ["common.W002"])]
)
def test_a_deployment_has_rabbitmq(settings: Settings, url: str, found: list[str]) -> None:
    settings.CELERY_BROKER_URL = url
    assert [warning.id for warning in check_broker()] == found
