"""Pages for people: the landing page, the public tracking page, the staff's live map."""

from __future__ import annotations

import csv
import functools
import uuid
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib import admin
from django.core.cache import cache
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import cache_control, never_cache
from django.views.decorators.http import require_safe

from common import clock
from common.addresses import sockets_origin
from common.errors import NotFound
from common.money import won
from dispatch import selectors
from errands.models import KINDS, STATES
from errands.states import State

STATIONS = settings.BASE_DIR / "dispatch" / "sandbox" / "seoul_stations.csv"
DAY_S = 24 * 3600
PULSE_LIFE_S = 5
NOBODY = uuid.UUID(int=0)
# The colour of a state on the staff's map, in the order in which they want to see the errands.
TONES = {
    State.RETURNING: "alert",
    State.OPEN: "wait",
    State.ASSIGNED: "come",
    State.AT_PICKUP: "come",
    State.PICKED_UP: "carry",
    State.AT_DROPOFF: "carry",
}


@require_safe
def landing(request: HttpRequest) -> HttpResponse:
    """What this is, how it works, and how busy it is right now."""
    year, wage = _minimum_wage(timezone.localdate().year)
    context = {
        "pulse": _pulse(),
        "year": year,
        "wage": won(wage),
        "offer_seconds": settings.OFFER_LIFE_S,
        "sandbox": settings.SANDBOX,
    }
    return _page(request, "pages/landing.html", context)


@require_safe
def pulse(_request: HttpRequest) -> JsonResponse:
    """The three counters of the landing page."""
    return JsonResponse(_pulse())


@require_safe
@never_cache
def track(request: HttpRequest, token: str) -> HttpResponse:
    """An errand for whoever holds its link; an unknown and an old link look the same."""
    try:
        data = selectors.tracking(token, now=clock.now())
    except NotFound:
        return _page(request, "pages/no_track.html", {}, status=404)
    strings = _track_strings()
    context = {
        "data": data,
        "kind": dict(KINDS)[data["kind"]],
        "eta": strings["minutes"].replace("{minutes}", str(_whole_minutes(data["eta_minutes"]))),
        "strings": strings,
        "page": {
            "data": data,
            "api": reverse("track", args=[token]),
            "socket": f"{sockets_origin(request)}/ws/track/{token}/",
            "strings": strings,
            "map": _map_config(),
        },
    }
    return _page(request, "pages/track.html", context)


@require_safe
@never_cache
def live_map(request: HttpRequest) -> HttpResponse:
    """Everyone on duty and every live errand. Staff only: routed through the admin site."""
    context = {
        **admin.site.each_context(request),
        "title": _("Live map"),
        "is_fullwidth": "1",
        "tones": [{"code": code, "label": label} for code, label in _tone_labels().items()],
        "page": {
            "socket": f"{sockets_origin(request)}/ws/staff/map/",
            "states": {
                state: {"label": label, "tone": TONES.get(State(state), "done")}
                for state, label in STATES
            },
            "order": list(TONES),
            "kinds": dict(KINDS),
            "errandUrl": reverse("admin:errands_errand_change", args=[NOBODY]),
            "runnerUrl": reverse("admin:accounts_user_change", args=[NOBODY]),
            "blank": str(NOBODY),
            "strings": _map_strings(),
            "map": _map_config(),
        },
    }
    return render(request, "admin/live_map.html", context)


@require_safe
@cache_control(public=True, max_age=DAY_S)
def stations(_request: HttpRequest) -> JsonResponse:
    """Names and positions of stations, for the map without tiles."""
    return JsonResponse(_stations(), safe=False)


@functools.cache
def _stations() -> list[dict[str, Any]]:
    with STATIONS.open(encoding="utf-8", newline="") as file:
        return [
            {"name": row["name"], "lat": float(row["lat"]), "lng": float(row["lng"])}
            for row in csv.DictReader(file)
        ]


def _pulse() -> dict[str, int]:
    """The counters, counted once for everybody who asks within a few seconds."""
    counted: dict[str, int] | None = cache.get("pulse")
    if counted is None:
        counted = selectors.pulse(timezone.localtime())
        cache.set("pulse", counted, timeout=PULSE_LIFE_S)
    return counted


def _minimum_wage(year: int) -> tuple[int, int]:
    known = max(each for each in settings.MINIMUM_WAGE if each <= year)
    return known, settings.MINIMUM_WAGE[known]


def _whole_minutes(minutes: float | None) -> int:
    return max(1, round(minutes or 0))


def _map_config() -> dict[str, str]:
    return {
        "tiles": settings.MAP_TILE_URL,
        "attribution": settings.MAP_TILE_ATTRIBUTION,
        "stations": reverse("stations"),
        "zoomIn": _("Zoom in"),
        "zoomOut": _("Zoom out"),
        "close": _("Close"),
    }


def _track_strings() -> dict[str, str]:
    return {
        "minutes": _("About {minutes} min"),
        "updated": _("Last news at {time}"),
        "runner": _("Runner"),
        "open": _("Live: this page refreshes by itself"),
        "lost": _("Connecting… until then this page asks again every few seconds"),
        "refused": _("No live connection; this page asks again every few seconds"),
    }


def _map_strings() -> dict[str, str]:
    return {
        "runner": _("Runner"),
        "busy": _("Carrying an errand"),
        "idle": _("Free"),
        "open": _("Live"),
        "details": _("Open"),
        "connecting": _("Connecting…"),
        "lost": _("Connection lost. What you see is old; trying again…"),
        "refused": _("The server refused the connection. Log in again."),
    }


def _tone_labels() -> dict[str, str]:
    return {
        "wait": _("Waiting"),
        "come": _("To the pickup"),
        "carry": _("In progress"),
        "alert": _("Being returned"),
    }


def _page(
    request: HttpRequest, template: str, context: dict[str, Any], *, status: int = 200
) -> HttpResponse:
    response = render(request, template, context, status=status)
    response["Content-Security-Policy"] = _policy(request)
    return response


def _policy(request: HttpRequest) -> str:
    """Nothing from elsewhere but our sockets, and pictures from the tile server, if any."""
    tiles = urlsplit(settings.MAP_TILE_URL.replace("{s}", "*"))
    origin = f" {tiles.scheme}://{tiles.netloc}" if tiles.netloc else ""
    return (
        f"default-src 'self'; connect-src 'self' {sockets_origin(request)}; "
        f"img-src 'self' data:{origin}; object-src 'none'; "
        "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    )
