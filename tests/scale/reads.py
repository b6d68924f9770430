"""Everything that the API, the pages, the staff and the sockets read, each with its queries.

An address of the API that is missing here fails ``test_every_read_of_the_api_is_counted``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from django.contrib import admin
from django.core.cache import cache
from django.db.models import Model
from django.test import Client
from django.urls import reverse
from rest_framework.test import APIClient

from accounts.models import User
from common import clock
from dispatch.consumers import ErrandConsumer, RunnerConsumer, StaffMapConsumer, TrackConsumer
from dispatch.live.picture import last_position
from errands.states import State
from payments import escrow
from payments.models import Payment, Payout
from tests.scale.town import Town

Read = Callable[[], object]
NEARBY = "?lat={lat}&lng={lng}&radius_m=5000"


class Address(NamedTuple):
    """An address as the schema has it, who asks there, and how many queries that costs."""

    path: str
    who: str
    queries: int
    asked: str = ""

    @property
    def name(self) -> str:
        return f"{self.path}{self.asked} ({self.who or 'anybody'})"


API = [
    Address("/api/v1/me", "bob", 1),
    Address("/api/v1/runner-profile", "bob", 1),
    Address("/api/v1/quotes/{quote_id}", "alice", 1),
    Address("/api/v1/errands", "alice", 2),
    Address("/api/v1/errands", "bob", 2),
    Address("/api/v1/errands", "rare", 2),
    Address("/api/v1/errands", "alice", 2, "?state=completed"),
    Address("/api/v1/errands", "alice", 2, "?role=requester"),
    Address("/api/v1/errands", "bob", 2, "?role=runner"),
    Address("/api/v1/errands", "bob", 2, "?role=runner&state=completed"),
    Address("/api/v1/errands/{errand_id}", "alice", 5),
    Address("/api/v1/errands/{errand_id}", "bob", 4),
    Address("/api/v1/errands/{errand_id}/events", "alice", 2),
    Address("/api/v1/errands/{errand_id}/photos", "alice", 4),
    Address("/api/v1/errands/{errand_id}/reviews", "alice", 4),
    Address("/api/v1/offers", "bob", 3),
    Address("/api/v1/offers", "bob", 3, "?state=accepted"),
    Address("/api/v1/errands-nearby", "bob", 3, NEARBY),
    Address("/api/v1/duty", "bob", 3),
    Address("/api/v1/duty/corridor", "bob", 4),
    Address("/api/v1/balance", "bob", 2),
    Address("/api/v1/statement", "bob", 3),
    Address("/api/v1/payments/{order_id}", "alice", 1),
    Address("/api/v1/payments/{order_id}/checkout", "alice", 1),
    Address("/api/v1/bank-account", "bob", 1),
    Address("/api/v1/payouts", "bob", 1),
    Address("/api/v1/payouts/{payout_id}", "bob", 1),
    Address("/api/v1/payouts/{payout_id}/statement", "bob", 1),
    Address("/api/v1/payout-years/{year}", "bob", 2),
    Address("/api/v1/track/{token}", "", 3),
]


def api_reads(town: Town) -> Iterator[tuple[Address, Read]]:
    ours, waiting = town.shared(), town.newest(State.OPEN)
    order = Payment.objects.get(reference=ours.reference)
    keys = {
        "errand_id": ours.pk,
        "quote_id": ours.quote_id,
        "order_id": order.order_id,
        "payout_id": Payout.objects.filter(user=town.bob).latest("id").pk,
        "year": town.now.year,
        "token": town.newest(State.PICKED_UP).tracking_token,
        "lat": waiting.pickup_lat,
        "lng": waiting.pickup_lng,
    }
    people = {"alice": town.alice, "bob": town.bob, "rare": town.requesters[-1]}
    for address in API:
        mine = {"order_id": unpaid(town).order_id} if address.path.endswith("/checkout") else {}
        path = f"{address.path}{address.asked}".format(**keys | mine)
        yield address, _get(path, people.get(address.who))


def unpaid(town: Town) -> Payment:
    """An order of alice's that can still be paid."""
    return escrow.order_create(
        reference="thing", subject="thing", payer=town.alice, amount=1_000, now=clock.now()
    )


def _get(path: str, user: User | None) -> Read:
    def read() -> object:
        client = APIClient()
        if user is not None:
            client.force_authenticate(User(pk=user.pk))  # one that has looked nothing up yet
        answer = client.get(path)
        assert answer.status_code == 200, answer.content
        return answer.content

    return read


# --- Pages -------------------------------------------------------------------------------


PAGES = {"landing": 3, "pulse": 3, "tracking-page": 3, "pay": 1, "pay-fail": 1}


def page_reads(town: Town) -> Iterator[tuple[str, Read]]:
    payment = escrow.checkout(payment=unpaid(town), now=clock.now()).token
    tokens = {
        "tracking-page": town.newest(State.PICKED_UP).tracking_token,
        "pay": payment,
        "pay-fail": payment,
    }
    for name in PAGES:
        path = reverse(name, args=[tokens[name]] if name in tokens else [])
        yield name, _page(Client(), path)


def _page(client: Client, path: str) -> Read:
    def read() -> object:
        cache.delete("pulse")
        answer = client.get(path)
        assert answer.status_code == 200, path
        return answer

    return read


STAFF = {
    "accounts.user list": 4, "accounts.user page": 5,
    "accounts.runnerprofile list": 4, "accounts.runnerprofile page": 5,
    "payments.payment list": 4, "payments.payment page": 5,
    "payments.refund list": 3, "payments.refund page": 3,
    "payments.transfer list": 3, "payments.transfer page": 4,
    "payments.webhook list": 3, "payments.webhook page": 2,
    "payments.account list": 4, "payments.account page": 2,
    "payments.bankaccount list": 4, "payments.bankaccount page": 3,
    "payments.payout list": 4, "payments.payout page": 5,
    "payments.difference list": 3, "payments.difference page": 3,
    "payments.staffrefund list": 5, "payments.staffrefund page": 5,
    "payments.payoutbatch list": 5, "payments.payoutbatch page": 6,
    "errands.errand list": 6, "errands.errand page": 21,
    "errands.quote list": 4, "errands.quote page": 4,
    "errands.review list": 6, "errands.review page": 6,
    "errands.areacondition list": 5, "errands.areacondition page": 6,
    "errands.terms list": 4, "errands.terms page": 4,
    "dispatch.offer list": 5, "dispatch.offer page": 5,
    "dispatch.solve list": 3, "dispatch.solve page": 7,
    "dispatch.corridor list": 4, "dispatch.corridor page": 4,
    "common.deadletter list": 3, "common.deadletter page": 2,
}  # fmt: skip
# Not of a table. Finance adds up the days before today, once a day: three of its queries.
OWN_PAGES = {"admin:index": 5, "admin:finance": 12}
FILTERED = {
    "errands.errand": ["state__in=open,disputed", "state__exact=completed", "q={number}"],
    "dispatch.offer": ["state__exact=offered"],
    "payments.payment": ["state__exact=ready"],
    "payments.account": ["kind__exact=gateway"],
    "payments.payout": ["state__exact=requested"],
    "payments.difference": ["state__exact=open"],
    "payments.staffrefund": ["state__exact=waiting"],
    "accounts.runnerprofile": ["on_duty__exact=1", "state__exact=applied"],
}


def own_pages(client: Client) -> Iterator[tuple[str, Read]]:
    """Pages of the admin that show figures."""
    for name in OWN_PAGES:
        yield name, _page(client, reverse(name))


def filtered_reads(town: Town, client: Client) -> Iterator[tuple[str, Read]]:
    """Lists of the staff as their links and searches ask for them."""
    number = town.shared().pk
    yield from own_pages(client)
    for name, queries in FILTERED.items():
        path = reverse(f"admin:{name.replace('.', '_')}_changelist")
        for query in queries:
            yield f"{name}?{query}", _page(client, f"{path}?{query.format(number=number)}")


def staff_reads(client: Client) -> Iterator[tuple[str, Read]]:
    """Every list and every page of the admin, of the newest row."""
    for model in admin.site._registry:
        name = model._meta.label_lower
        address = f"admin:{name.replace('.', '_')}"
        yield f"{name} list", _page(client, reverse(f"{address}_changelist"))
        newest: Model | None = model._default_manager.order_by("-pk").first()
        assert newest is not None, f"the town has no {name}"
        yield f"{name} page", _page(client, reverse(f"{address}_change", args=[newest.pk]))


# --- Sockets -----------------------------------------------------------------------------


SOCKETS = {
    "runner hello": 9, "runner tick": 5,
    "errand hello": 2, "errand tick": 3, "errand place": 1,
    "track hello": 1, "track tick": 2,
    "staff picture": 2,
}  # fmt: skip


def socket_reads(town: Town, staff: User) -> Iterator[tuple[str, Read]]:
    """What a socket reads when it opens, and from time to time afterwards."""
    errand = town.newest(State.PICKED_UP)
    route = {"errand_id": errand.pk, "token": errand.tracking_token}
    runner = _socket(RunnerConsumer, town.bob, route)
    watcher = _socket(ErrandConsumer, errand.requester, route)
    track = _socket(TrackConsumer, None, route)
    yield "runner hello", lambda: runner._read(None, greet=True)
    yield "runner tick", lambda: runner._read(0, greet=False)
    yield "errand hello", lambda: watcher._read(None, greet=True)
    yield "errand tick", lambda: watcher._read(0, greet=False)
    yield "errand place", lambda: last_position(errand.pk, now=town.now)
    yield "track hello", lambda: track._read(None, greet=True)
    yield "track tick", lambda: track._read(0, greet=False)
    yield "staff picture", _socket(StaffMapConsumer, staff, route)._picture


def _socket(consumer: Any, user: User | None, route: dict[str, Any]) -> Any:
    return consumer({"user": user, "url_route": {"kwargs": route}}, send=None, inbox=None)
