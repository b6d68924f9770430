"""Two table services: how to ask each for many walks at once, and how to read the answer.

OSRM: ``/table/v1/foot/…``, project-osrm.org/docs. Valhalla: ``/sources_to_targets``,
valhalla.github.io/valhalla/api/matrix. Both answer in seconds, null where there is no way.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol
from urllib.parse import SplitResult, urlsplit, urlunsplit

import httpx
import msgspec

from common.geo import Point

Table = list[list[float | None]]


class TableService(Protocol):
    """Asks for the walks from all starts to all ends."""

    def request(self, starts: Sequence[Point], ends: Sequence[Point]) -> httpx.Request: ...

    def read(self, body: bytes) -> Table:
        """Return a row for each start.

        Raises:
            msgspec.MsgspecError: It is something else.
        """


class _Durations(msgspec.Struct):
    durations: Table


class _Cell(msgspec.Struct):
    time: float | None


class _Matrix(msgspec.Struct):
    sources_to_targets: _Durations | list[list[_Cell]]


class Osrm:
    """OSRM with a foot profile."""

    def __init__(self, base: SplitResult) -> None:
        self.base = base

    def request(self, starts: Sequence[Point], ends: Sequence[Point]) -> httpx.Request:
        """Name all places in the path, and in the query which of them are starts."""
        places = ";".join(f"{p.lng:.6f},{p.lat:.6f}" for p in (*starts, *ends))
        numbers = [str(n) for n in range(len(starts) + len(ends))]
        asked = {
            "sources": ";".join(numbers[: len(starts)]),
            "destinations": ";".join(numbers[len(starts) :]),
            "annotations": "duration",
        }
        url = httpx.URL(_below(self.base, f"/table/v1/foot/{places}"))
        return httpx.Request("GET", url.copy_merge_params(asked))

    def read(self, body: bytes) -> Table:
        return msgspec.json.decode(body, type=_Durations).durations


class Valhalla:
    """Valhalla, costed for pedestrians."""

    def __init__(self, base: SplitResult) -> None:
        self.url = _below(base, "/sources_to_targets")

    def request(self, starts: Sequence[Point], ends: Sequence[Point]) -> httpx.Request:
        asked: dict[str, Any] = {
            "sources": [{"lat": p.lat, "lon": p.lng} for p in starts],
            "targets": [{"lat": p.lat, "lon": p.lng} for p in ends],
            "costing": "pedestrian",
            "verbose": False,
        }
        return httpx.Request("POST", self.url, json=asked)

    def read(self, body: bytes) -> Table:
        """Read the short form, or the long one of servers that know no other."""
        found = msgspec.json.decode(body, type=_Matrix).sources_to_targets
        if isinstance(found, _Durations):
            return found.durations
        return [[cell.time for cell in row] for row in found]


SERVICES: dict[str, type[Osrm | Valhalla]] = {"osrm": Osrm, "valhalla": Valhalla}


def service_at(url: str) -> TableService:
    """Return the service at ``osrm+http://HOST:PORT`` or ``valhalla+https://HOST/PATH?key=…``.

    Raises:
        ValueError: The address is of another form.
    """
    parts = urlsplit(url)
    api, _plus, scheme = parts.scheme.partition("+")
    if api not in SERVICES or scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("not osrm+http://HOST, valhalla+http://HOST or the same with https")
    _ = parts.port  # raises where it is no number
    return SERVICES[api](parts._replace(scheme=scheme))


def _below(base: SplitResult, path: str) -> str:
    return urlunsplit(base._replace(path=base.path.rstrip("/") + path))
