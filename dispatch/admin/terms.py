"""Why this runner was asked: the cost terms of an offer in words."""

from __future__ import annotations

from typing import NamedTuple

from django.utils.functional import Promise
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from dispatch.models import Offer

MINUTES, METRES, TEXT = _("%s min"), _("%s m"), "%s"


class Word(NamedTuple):
    """How to say one term; a ``signed`` one is added to the cost or taken from it."""

    label: str | Promise
    unit: str | Promise
    signed: bool = False
    digits: int = 1


WORDS: dict[str, Word] = {
    "added_minutes": Word(_("Added walk"), MINUTES),
    "waiting": Word(_("The errand has waited"), MINUTES, signed=True),
    "fairness": Word(_("The runner had nothing to do"), MINUTES, signed=True),
    "ignored": Word(_("The runner let it lapse before"), MINUTES, signed=True),
    "total": Word(_("Cost, the lowest of all possible"), MINUTES),
    "distance_m": Word(_("Distance to the pickup"), METRES, digits=0),
    "reach_m": Word(_("Asked within"), METRES, digits=0),
    "declined_because": Word(_("Declined because"), TEXT),
}


def terms_of(offer: Offer) -> list[tuple[str, str]]:
    """Return (what, how much) for every term, in a fixed order; none is left out."""
    if offer.terms.get("claimed"):
        return [
            (gettext("Claimed from the list"), ""),
            (str(WORDS["added_minutes"].label), _said("added_minutes", offer.added_minutes)),
        ]
    known = [name for name in WORDS if name in offer.terms]
    others = [name for name in offer.terms if name not in WORDS]
    return [
        (str(WORDS[name].label) if name in WORDS else name, _said(name, offer.terms[name]))
        for name in [*known, *others]
    ]


def _said(name: str, value: object) -> str:
    word = WORDS.get(name)
    if word is None or not isinstance(value, int | float):
        return str(value)
    sign = "+" if word.signed else ""
    return str(word.unit) % f"{value:{sign},.{word.digits}f}"


def terms_html(offer: Offer) -> SafeString:
    """Return the terms as a line of small pairs that wraps."""
    pairs = format_html_join("", "<span>{} <b>{}</b></span>", terms_of(offer))
    return format_html_join("", '<div class="terms">{}</div>', [(pairs,)])
