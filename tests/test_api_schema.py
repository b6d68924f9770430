"""The API keeps what its OpenAPI document promises, whatever is thrown at it."""

from __future__ import annotations

from typing import Any

import pytest
import schemathesis
from django.core.management import call_command
from hypothesis import HealthCheck, Phase, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from accounts.models import User
from balrottuieo.wsgi import application
from tests.accounts.conftest import log_in, verified

schema = schemathesis.openapi.from_wsgi("/api/schema/?format=json", application).exclude(
    path_regex="/auth/"
)
CHECKS = (
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
)

# Some hundred requests: left out of test-fast.
pytestmark = pytest.mark.live


@pytest.fixture
def headers(transactional_db: None, bob: User) -> dict[str, str]:
    return log_in(verified(bob)).header


@schema.parametrize()
@settings(
    max_examples=6,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
def test_every_operation(case: Any, headers: dict[str, str]) -> None:
    case.call_and_validate(headers=headers, checks=CHECKS)


def test_the_document_is_made_without_a_warning(tmp_path: Any) -> None:
    file = tmp_path / "schema.yaml"
    call_command("spectacular", validate=True, fail_on_warn=True, file=str(file))
    assert file.read_text(encoding="utf-8").startswith("openapi: 3.1")
