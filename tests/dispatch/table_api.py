"""A foot router on loopback: OSRM's and Valhalla's table requests, and every way to fail."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

from common.geo import Point, metres_between

PACE = 1.5  # seconds a metre: slower than the estimate, so that answers are told apart


def walked_s(start: Point, end: Point) -> float:
    return round(metres_between(start, end) * PACE, 1)


class TableApi(ThreadingHTTPServer):
    """Answers as ``mode`` says; ``asked`` are the sizes of the tables, ``keys`` what came along."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.mode = "well"
        self.asked: list[tuple[int, int]] = []
        self.keys: list[str] = []
        self.closing = threading.Event()

    def url(self, api: str) -> str:
        return f"{api}+http://127.0.0.1:{self.server_port}/there/?key=k"


class Handler(BaseHTTPRequestHandler):
    server: TableApi

    def do_GET(self) -> None:
        """OSRM: places in the path, and in the query which of them are starts and which ends."""
        parts = urlsplit(self.path)
        query = parse_qs(parts.query)
        prefix, _slash, path = parts.path.rpartition("/")
        if prefix != "/there/table/v1/foot" or query["annotations"] != ["duration"]:
            return self.answer(400, b'{"code": "InvalidUrl"}')
        places = [Point(*map(float, reversed(place.split(",")))) for place in path.split(";")]
        starts, ends = (
            [places[int(n)] for n in query[side][0].split(";")]
            for side in ("sources", "destinations")
        )
        return self.table(query["key"], starts, ends, short=True)

    def do_POST(self) -> None:
        """Valhalla: sources and targets in the body; the short form only where it is known."""
        parts = urlsplit(self.path)
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if parts.path != "/there/sources_to_targets" or asked["costing"] != "pedestrian":
            return self.answer(404, b"{}")
        starts, ends = (
            [Point(p["lat"], p["lon"]) for p in asked[side]] for side in ("sources", "targets")
        )
        short = self.server.mode != "long form"
        return self.table(parse_qs(parts.query)["key"], starts, ends, short=short)

    def table(self, key: list[str], starts: list[Point], ends: list[Point], *, short: bool) -> None:
        self.server.asked.append((len(starts), len(ends)))
        self.server.keys += key
        if self.fails():
            return
        rows: list[list[float | None]] = [[walked_s(a, b) for b in ends] for a in starts]
        if self.server.mode == "no way":
            rows[0][0] = None
        if self.server.mode == "half a table":
            rows.pop()
        if self.command == "GET":
            found: object = {"code": "Ok", "durations": rows}
        elif short:
            found = {"sources_to_targets": {"durations": rows}}
        else:
            found = {"sources_to_targets": [[{"time": s, "distance": 1} for s in r] for r in rows]}
        self.answer(200, json.dumps(found).encode())

    def fails(self) -> bool:
        """Whether it has been answered badly, or is not to be at all."""
        mode = self.server.mode
        if mode == "slow":
            self.server.closing.wait(30)
            return True
        bad = {
            "broken": (500, b"no"),
            "busy": (503, b"later"),
            "busy once": (503, b"later"),
            "garbage": (200, b'{"durations": [["soon"]]}'),
            "endless": (200, b" " * (2 * 1024 * 1024)),
        }
        if mode not in bad:
            return False
        if mode == "busy once":
            self.server.mode = "well"
        self.answer(*bad[mode])
        return True

    def answer(self, status: int, content: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        try:
            self.wfile.write(content)
        except ConnectionError:
            self.close_connection = True  # the client had heard enough

    def log_message(self, *_args: object) -> None:
        """Stay quiet."""


@contextmanager
def table_api() -> Iterator[TableApi]:
    with TableApi() as api:
        thread = threading.Thread(target=api.serve_forever, args=(0.02,))
        thread.start()
        yield api
        api.closing.set()
        api.shutdown()
        thread.join()
