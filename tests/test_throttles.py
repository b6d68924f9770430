"""Rate limits: which addresses have a narrow one, and what it leaves alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from rest_framework.settings import api_settings
from rest_framework.test import APIClient
from rest_framework.throttling import AnonRateThrottle, ScopedRateThrottle, UserRateThrottle

from accounts.models import User

Client = Callable[[User | None], APIClient]
UNLIMITED: dict[str, Any] = dict.fromkeys(("anon", "user", "post", "photo", "ticket"))


@pytest.fixture
def limit(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Allow so many a minute; what is not named is not limited."""

    def set_rates(**rates: str) -> None:
        for throttle in (AnonRateThrottle, UserRateThrottle, ScopedRateThrottle):
            monkeypatch.setattr(throttle, "THROTTLE_RATES", UNLIMITED | rates)

    return set_rates


NARROW = [
    ("post", "/api/v1/quotes"),
    ("post", "/api/v1/errands"),
    ("post", "/api/v1/payments/order-1/confirm"),
    *(
        ("post", f"/api/v1/errands/00000000-0000-7000-8000-000000000000/{order}")
        for order in ("raise", "budget", "blocks", "tip")
    ),
    ("post", "/api/v1/payouts"),
    ("photo", "/api/v1/errands/00000000-0000-7000-8000-000000000000/photos"),
    ("ticket", "/api/v1/ws-tickets"),
]


@pytest.mark.parametrize(("scope", "path"), NARROW)
def test_what_creates_or_costs_has_a_narrow_limit(
    alice: User, api: Client, limit: Callable[..., None], scope: str, path: str
) -> None:
    limit(**{scope: "1/min"})
    client = api(alice)
    assert client.post(path).status_code != 429
    response = client.post(path)
    assert response.status_code == 429
    assert response["Content-Type"] == "application/problem+json"
    assert 0 < int(response["Retry-After"]) <= 60


def test_looking_is_not_posting(alice: User, api: Client, limit: Callable[..., None]) -> None:
    limit(post="1/min")
    client = api(alice)
    assert [client.get("/api/v1/errands").status_code for _ in range(3)] == [200] * 3
    assert client.post("/api/v1/errands", {}).status_code == 400


def test_one_persons_limit_is_not_anothers(
    alice: User, charlie: User, api: Client, limit: Callable[..., None]
) -> None:
    limit(user="1/min")
    assert [api(alice).get("/api/v1/me").status_code for _ in range(2)] == [200, 429]
    assert api(charlie).get("/api/v1/me").status_code == 200


def test_claimed_addresses_do_not_multiply_the_limit(
    api: Client, limit: Callable[..., None], db: None
) -> None:
    """Without a proxy in front, X-Forwarded-For is just what the caller says."""
    limit(anon="1/min")
    codes = [
        api(None).get("/api/v1/track/none", headers={"X-Forwarded-For": f"10.0.0.{n}"}).status_code
        for n in range(3)
    ]
    assert codes[-1] == 429


def test_the_rates_name_every_scope() -> None:
    """A scope without a rate is an error on its first request; robots have none of them."""
    assert set(api_settings.DEFAULT_THROTTLE_RATES) == set(UNLIMITED)
    assert {scope for scope, _path in NARROW} <= set(UNLIMITED)
