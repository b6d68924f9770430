"""What the errand page tells, part by part. Each part asks the database a fixed number of times."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any, NamedTuple, TypeAlias
from uuid import UUID

from django.contrib.admin.utils import label_for_field
from django.urls import reverse
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from common.geo import Point, metres_between
from common.money import won
from errands.admin.words import ANSWERS, FAULTS, MOVES, REASONS, ROLES, TRANSFERS
from errands.api.shapes import LINE_LABELS
from errands.models import Errand, ErrandEvent, Photo, Review
from errands.states import Move
from payments.models import AccountKind, Entry, Payment, PaymentState, Refund, RefundState
from payments.selectors import ledger_lines

NOTHING = "–"
PAYMENT_COLOURS = {
    PaymentState.DONE: "success",
    PaymentState.EXPIRED: "warning",
    PaymentState.UNKNOWN: "danger",
}
ORDERS = {
    ":raise:": _("Raise"),
    ":budget:": _("Budget"),
    ":blocks:": _("Waiting"),
    "tip:": _("Tip"),
}
REFUND_COLOURS = {RefundState.REQUESTED: "warning", RefundState.DONE: "success"}

Text: TypeAlias = str | Promise


class Part(NamedTuple):
    """A titled part of the page; ``rows`` are what its template expects."""

    title: Text
    template: str
    rows: Sequence[Any]
    headers: Sequence[Text] = ()
    note: Text = ""


class Label(NamedTuple):
    """A coloured word in a cell."""

    text: Text
    colour: str = ""


Fact: TypeAlias = tuple[Text, object]
PartOf: TypeAlias = Callable[[Errand], Part]
TABLE = "admin/errands/errand/table.html"


def at(moment: datetime | None) -> str:
    """Write a time to the second, on the staff's clock (Seoul)."""
    return f"{timezone.localtime(moment):%Y-%m-%d %H:%M:%S}" if moment else NOTHING


def person(user: User | None) -> str | SafeString:
    """Name a person, with a link to their page."""
    if user is None:
        return NOTHING
    page = reverse("admin:accounts_user_change", args=[user.pk])
    return format_html('<a href="{}" title="{}">{}</a>', page, user.email, user)


# --- The facts ---------------------------------------------------------------------------


def facts(errand: Errand) -> list[tuple[Text, list[Fact]]]:
    """Everything about the errand itself, in groups; without the PINs, which are not for staff."""
    return [
        (_("What and who"), [*_columns(errand, "note"), *_people(errand)]),
        (_("Places"), _places(errand)),
        (_("Times"), _times(errand)),
        (_("Price"), _price(errand)),
    ]


def _columns(errand: Errand, *names: str) -> list[Fact]:
    return [(str(label_for_field(name, Errand)), _shown(getattr(errand, name))) for name in names]


def _shown(value: object) -> object:
    return at(value) if isinstance(value, datetime) else NOTHING if value in {"", None} else value


def _people(errand: Errand) -> list[Fact]:
    return [
        (_("requester"), person(errand.requester)),
        (_("runner"), person(errand.runner)),
        (_("proof"), errand.get_proof_display()),
        (_("pickup PIN"), gettext("Asked for") if errand.pickup_pin else gettext("Not asked for")),
        (_("number"), errand.pk),
    ]


def _places(errand: Errand) -> list[Fact]:
    return [
        *_columns(errand, "pickup_address", "dropoff_address"),
        (_("walking minutes"), f"{errand.walking_minutes:.1f}"),
        *_columns(errand, "weight_kg", "bags", "floors", "expected_minutes", "area"),
    ]


def _times(errand: Errand) -> list[Fact]:
    names = [
        "starts_at", "deadline_at", "opened_at", "accepted_at", "delivered_at", "ended_at", "due_at"
    ]  # fmt: skip
    known = [name for name in names if getattr(errand, name)]
    return [(_("posted at"), at(errand.created_at)), *_columns(errand, *known)]


def _price(errand: Errand) -> list[Fact]:
    asked = [(LINE_LABELS[line["code"]], won(line["amount"])) for line in errand.lines]
    more = errand.reward - sum(line["amount"] for line in errand.lines)
    return [
        *asked,
        *([(_("offered on top"), won(more))] if more else []),
        (_("reward"), won(errand.reward)),
        (_("service fee"), won(errand.service_fee)),
        *([(_("purchase budget"), won(errand.budget))] if errand.budget else []),
        *([(_("spent on the goods"), won(errand.spent))] if errand.spent else []),
        (_("Paid in all"), won(errand.total)),
    ]


# --- What happened -----------------------------------------------------------------------


class Moment(NamedTuple):
    """An event of the timeline in words."""

    event: ErrandEvent
    move: Text
    who: Text
    person: str | SafeString
    said: Sequence[Text]
    place: str


def timeline(errand: Errand) -> Part:
    events = ErrandEvent.objects.filter(errand=errand).prefetch_related("actor")
    moments = [_moment(errand, event) for event in events.order_by("sequence")]
    return Part(_("Timeline"), "admin/errands/errand/timeline.html", moments)


def _moment(errand: Errand, event: ErrandEvent) -> Moment:
    return Moment(
        event=event,
        move=MOVES.get(event.move, event.move),
        who=ROLES.get(event.role, event.role),
        person=person(event.actor) if event.actor else "",
        said=[text for text in _said(event) if text],
        place=_place(errand, event),
    )


def _said(event: ErrandEvent) -> list[Text]:
    """The reason from the catalogue, whose doing it was, and the note."""
    reason = (ANSWERS | REASONS).get(event.reason, event.reason)
    return [reason, FAULTS.get(event.fault, ""), _noted(event)]


def _noted(event: ErrandEvent) -> str:
    """What a person wrote; some moves note a number or the key of a photo instead."""
    if event.move == Move.BUY:
        return won(int(event.note))
    if event.move == Move.ANSWER:
        return f"→ #{event.note}"
    return "" if event.move == Move.CHECK_IN else event.note


def _place(errand: Errand, event: ErrandEvent) -> str:
    if event.lat is None or event.lng is None:
        return ""
    here = Point(event.lat, event.lng)
    metres = {gettext("pickup"): metres_between(here, errand.pickup)}
    if errand.dropoff is not None:
        metres[gettext("destination")] = metres_between(here, errand.dropoff)
    place = min(metres, key=lambda name: metres[name])
    words = gettext("%(metres)d m from the %(place)s") % {
        "metres": round(metres[place]),
        "place": place,
    }
    return f"{here.lat:.5f}, {here.lng:.5f} · {words}"


def photos(errand: Errand) -> Part:
    rows = Photo.objects.filter(errand=errand).prefetch_related("uploader").order_by("id")
    return Part(_("Proof photos"), "admin/errands/errand/photos.html", list(rows))


def reviews(errand: Errand) -> Part:
    given = Review.objects.filter(errand=errand).prefetch_related("author", "subject")
    rows = [_review_row(review) for review in given.order_by("id")]
    headers = [_("when"), _("author"), _("about whom"), _("stars"), _("tags"), _("comment")]
    return Part(_("Reviews"), TABLE, rows, headers)


def _review_row(review: Review) -> tuple[object, ...]:
    stars, tags = "★" * review.stars, ", ".join(review.tags)
    people = person(review.author), person(review.subject)
    return (at(review.created_at), *people, stars, tags, review.comment)


# --- Money -------------------------------------------------------------------------------


def orders(errand: Errand) -> Part:
    """The orders that pay for the errand, its raises and its tip, each followed by its refunds."""
    subjects = [errand.reference, errand.tip_reference]
    found = Payment.objects.filter(subject__in=subjects).prefetch_related("refunds")
    rows = [row for order in found.order_by("id") for row in _order_rows(order)]
    headers = [_("what"), _("number"), _("amount"), _("state"), _("asked at"), _("done at")]
    return Part(_("Payments and refunds"), TABLE, rows, headers)


def _order_rows(order: Payment) -> Iterable[tuple[object, ...]]:
    page = reverse("admin:payments_payment_change", args=[order.pk])
    what = next((text for word, text in ORDERS.items() if word in order.reference), _("Payment"))
    state = PaymentState(order.state)
    yield (
        what,
        format_html('<span class="long-text"><a href="{}">{}</a></span>', page, order.order_id),
        won(order.amount),
        Label(state.label, PAYMENT_COLOURS.get(state, "info")),
        at(order.created_at),
        at(order.paid_at),
    )
    yield from map(_refund_row, sorted(order.refunds.all(), key=lambda refund: refund.pk))


def _refund_row(refund: Refund) -> tuple[object, ...]:
    page = reverse("admin:payments_refund_change", args=[refund.pk])
    state = RefundState(refund.state)
    return (
        gettext("Refund"),
        format_html(
            '<span class="long-text"><a href="{}">{}</a> {}</span>',
            page,
            refund.reference,
            MOVES.get(refund.reason, refund.reason),
        ),
        won(-refund.amount),
        Label(state.label, REFUND_COLOURS[state]),
        at(refund.created_at),
        at(refund.done_at),
    )


def ledger(errand: Errand) -> Part:
    """Every line of the ledger about the errand, and what escrow still holds after them."""
    entries = list(ledger_lines(errand.reference, errand.tip_reference))
    people = {user.pk: user for user in (errand.requester, errand.runner) if user}
    held = sum(entry.amount for entry in entries if entry.account.kind == AccountKind.ESCROW)
    rows = [_ledger_row(entry, people) for entry in entries]
    headers = [_("when"), _("transfer"), _("account"), _("amount")]
    return Part(_("Ledger"), TABLE, rows, headers, gettext("Escrow holds %s now.") % won(held))


def _ledger_row(entry: Entry, people: dict[UUID, User]) -> tuple[object, ...]:
    kind = TRANSFERS.get(entry.transfer.kind, entry.transfer.kind)
    return at(entry.created_at), kind, _account(entry, people), won(entry.amount)


def _account(entry: Entry, people: dict[UUID, User]) -> str | SafeString:
    label = entry.account.get_kind_display()
    owner = people.get(entry.account.owner_id) if entry.account.owner_id else None
    return format_html("{} · {}", label, person(owner)) if owner else label
