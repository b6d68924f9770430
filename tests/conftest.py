"""The cast: alice asks, bob runs, charlie is a stranger, dana is staff."""

from __future__ import annotations

import datetime as dt
import io
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from django.core.cache import cache
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.utils import translation
from PIL import Image
from pytest_django import Settings
from rest_framework.test import APIClient

from accounts.models import RunnerProfile, RunnerState, User
from common import clock
from common.db import unit_of_work
from common.errors import DomainError
from common.geo import Point
from common.redis import client as redis_client
from errands import services
from errands.models import Errand, Photo, PhotoPurpose, ProofKind
from errands.selectors import terms_forget
from errands.states import TWO_PLACES, Kind, State
from payments import escrow
from payments.models import Payment

PASSWORD = "walk-far-2026"
# What only one engine has is collected only there.
collect_ignore = [] if connection.vendor == "mongodb" else ["mongodb"]


class Undone(Exception):
    """Ends a unit of work that nobody is to see."""


@pytest.fixture
def _django_db_helper(_django_db_helper: None, request: pytest.FixtureRequest) -> Iterator[None]:
    """On MongoDB too, a test without `transaction=True` is one transaction that is undone.

    Django's own does nothing there: news that wait for the commit would go out at once.
    """
    marker = request.node.get_closest_marker("django_db")
    commits = "transactional_db" in request.fixturenames or (
        marker is not None and marker.kwargs.get("transaction")
    )
    if connection.vendor != "mongodb" or commits:
        yield
        return
    with suppress(Undone), unit_of_work():
        yield
        raise Undone


@pytest.fixture(autouse=True)
def fresh_redis() -> Iterator[None]:
    """Every test starts with an empty Redis: cache, live positions, channel layer."""
    redis_client().flushdb()
    yield
    cache.close()


@pytest.fixture(autouse=True)
def fresh_terms() -> None:
    """A process keeps the terms for a while; the last test's are not in this one's database."""
    terms_forget()


@pytest.fixture(autouse=True)
def korean() -> None:
    """A request leaves its language on the thread; the next test starts with ours."""
    translation.activate("ko")


@pytest.fixture(autouse=True)
def media(settings: Settings, tmp_path: Path) -> None:
    settings.MEDIA_ROOT = tmp_path / "media"


@pytest.fixture(autouse=True)
def fast_passwords(settings: Settings) -> None:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture(autouse=True)
def restless(settings: Settings) -> None:
    """Runs of one area need not wait for each other, as they do in life."""
    settings.MATCHING_TICK_S = 0


@pytest.fixture
def now() -> dt.datetime:
    return clock.now()


def make_user(name: str, *, is_staff: bool = False) -> User:
    return User.objects.create_user(
        f"{name}@example.com", PASSWORD, nickname=name, is_staff=is_staff, is_superuser=is_staff
    )


def make_runner(name: str, *, on_duty: bool = True) -> User:
    """A user with an approved application, on duty unless said otherwise."""
    user = make_user(name)
    RunnerProfile.objects.create(
        user=user,
        state=RunnerState.APPROVED,
        birth_date=dt.date(1995, 3, 1),
        kinds=[kind.value for kind in Kind],
        on_duty=on_duty,
        duty_since=clock.now() if on_duty else None,
    )
    return user


@pytest.fixture
def alice(db: None) -> User:
    return make_user("alice")


@pytest.fixture
def bob(db: None) -> User:
    return make_runner("bob")


@pytest.fixture
def charlie(db: None) -> User:
    return make_user("charlie")


@pytest.fixture
def dana(db: None) -> User:
    return make_user("dana", is_staff=True)


@pytest.fixture
def api() -> Callable[[User | None], APIClient]:
    """Return a client of the REST API that is already logged in as the given user."""

    def client(user: User | None = None) -> APIClient:
        found = APIClient()
        if user is not None:
            found.force_authenticate(user)
        return found

    return client


PICKUP, DROPOFF = Point(37.5563, 126.9236), Point(37.5596, 126.9259)  # Hongik Univ. station


def refused(code: str) -> pytest.RaisesExc[DomainError]:
    """Expect a refusal with exactly this code."""
    return pytest.raises(DomainError, check=lambda error: error.code == code)


def make_photo(errand: Errand, uploader: User, purpose: PhotoPurpose) -> Photo:
    """Upload a real JPEG through the service."""
    content = io.BytesIO()
    Image.new("RGB", (320, 240), "tomato").save(content, "JPEG")
    upload = SimpleUploadedFile("proof.jpg", content.getvalue(), "image/jpeg")
    return services.photo_add(
        errand_id=errand.pk, uploader=uploader, upload=upload, purpose=purpose
    )


def make_errand(
    requester: User, *, kind: Kind = Kind.DELIVERY, now: dt.datetime | None = None,
    asked: dict[str, Any] | None = None, **given: Any,
) -> Errand:  # fmt: skip
    """Post an errand through the services; it still awaits its payment."""
    at = now or clock.now()
    quote = services.quote_create(
        requester=requester, kind=kind, pickup=PICKUP, pickup_address="서울 마포구 양화로 160",
        dropoff=DROPOFF if kind in TWO_PLACES else None, now=at, **asked or {},
    )  # fmt: skip
    posted: dict[str, Any] = {
        "reward": quote.reward_floor, "title": "우산 좀 가져다주세요", "note": "",
        "proof": ProofKind.PHOTO, "ask_pickup_pin": False,
    }  # fmt: skip
    return services.errand_post(requester=requester, quote_id=quote.pk, now=at, **posted | given)


def pay_for(errand: Errand, *, now: dt.datetime | None = None) -> Errand:
    """Pay the order of ``errand`` through the sandbox gateway, and hear the news of it."""
    payment = Payment.objects.get(reference=errand.reference)
    escrow.order_confirm(
        order_id=payment.order_id, payer=errand.requester, payment_key="sandbox_ok",
        amount=payment.amount, now=now or clock.now(),
    )  # fmt: skip
    services.apply_paid(now=now or clock.now())
    return Errand.objects.get(pk=errand.pk)


def walk(errand: Errand, runner: User, state: State, *, now: dt.datetime | None = None) -> Errand:
    """Take an open errand with ``runner`` along the main road up to ``state``."""
    at = now or clock.now()
    mine: dict[str, Any] = {"errand_id": errand.pk, "runner": runner, "now": at}
    arrive = partial(services.errand_arrive, **mine, reason="")
    steps: dict[State, Callable[[], Errand]] = {
        State.ASSIGNED: lambda: services.errand_accept(**mine),
        State.AT_PICKUP: lambda: arrive(position=errand.pickup),
        State.PICKED_UP: lambda: services.errand_pick_up(
            **mine, pin="", photo_id=make_photo(errand, runner, PhotoPurpose.PICKUP).pk
        ),
        State.AT_DROPOFF: lambda: arrive(position=errand.dropoff or errand.pickup),
        State.DELIVERED: lambda: services.errand_deliver(
            **mine, pin="", position=None,
            photo_id=make_photo(errand, runner, PhotoPurpose.DELIVERY).pk,
        ),
    }  # fmt: skip
    if errand.dropoff is None:
        del steps[State.AT_DROPOFF]
    for reached, step in steps.items():
        errand = step()
        if reached == state:
            break
    return errand
