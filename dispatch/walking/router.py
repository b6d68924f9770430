"""Walks of one matching run: asked in tables, remembered, and estimated where nobody answers."""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Self

import httpx
import msgspec
import numpy as np

from common.geo import Point
from dispatch.matching import Estimate
from dispatch.matching.shapes import Floats, Ints
from dispatch.walking.batches import Batch, batches
from dispatch.walking.tables import TableService

AT_ONCE = 4  # requests
TIMEOUT_S = 2.0
MOST_S = 5.0  # of waiting in one run
MOST_BYTES = 1024 * 1024  # a table of 2,500 cells has some 250 KB in its longest form
MOST_FAILURES = 3  # then the rest of the run is estimated
PASSING = {httpx.codes.BAD_GATEWAY, httpx.codes.SERVICE_UNAVAILABLE, httpx.codes.GATEWAY_TIMEOUT}
LONGEST_S = 24 * 3600.0
MICRODEGREES = 1e6  # 0.1 m: nearer places are one

logger = logging.getLogger(__name__)


class NoTable(Exception):
    """The router did not give what was asked for; ``passing`` if it may the next time."""

    def __init__(self, why: str, *, passing: bool = False) -> None:
        super().__init__(why)
        self.passing = passing


class Estimated(Estimate):
    """The estimate, counting what was asked of a router and estimated all the same."""

    asked = 0
    estimated = 0


class Router(Estimated):
    """A foot router; candidates are still sought on the flat map of the estimate."""

    def __init__(self, service: TableService) -> None:
        self.service = service
        self.client = httpx.Client(timeout=TIMEOUT_S, limits=httpx.Limits(max_connections=AT_ONCE))
        self.pool = ThreadPoolExecutor(AT_ONCE)
        self.waited_s = 0.0
        self.failures: Counter[str] = Counter()
        self.numbers: dict[int, int] = {}
        self.places: list[list[float]] = []
        self.keys: Ints = np.zeros(0, dtype=np.int64)
        self.values: Floats = np.zeros(0)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.pool.shutdown()
        self.client.close()
        if self.estimated:
            logger.warning(
                "The foot router left %d of %d walks to the estimate: %s",
                self.estimated, self.asked, dict(self.failures) or "no way on foot",
            )  # fmt: skip

    def seconds(self, start: Floats, end: Floats) -> Floats:
        """Return what is known of each walk, after asking for what is not."""
        start, end = np.broadcast_arrays(start, end)
        one, other = self._numbers(start), self._numbers(end)
        # As long there as back: half the questions.
        keys = (np.minimum(one, other) << 32) | np.maximum(one, other)
        self._learn(np.setdiff1d(keys, self.keys))
        known: Floats = self.values[np.searchsorted(self.keys, keys)]
        return known

    def _numbers(self, places: Floats) -> Ints:
        """Number places in the order in which they are first seen."""
        flat = places.reshape(-1, 2)
        micro = np.round(flat * MICRODEGREES).astype(np.int64)
        codes, first, which = np.unique(
            (micro[:, 0] << 32) + micro[:, 1], return_index=True, return_inverse=True
        )
        for code, row in zip(codes.tolist(), first.tolist(), strict=True):
            if code not in self.numbers:
                self.numbers[code] = len(self.places)
                self.places.append(flat[row].tolist())
        numbers = np.array([self.numbers[code] for code in codes.tolist()], dtype=np.int64)
        found: Ints = numbers[which].reshape(places.shape[:-1])
        return found

    def _learn(self, keys: Ints) -> None:
        if not len(keys):
            return
        places = np.array(self.places)
        one, other = keys >> 32, keys & 0xFFFFFFFF
        values = np.where(one == other, 0.0, np.nan)
        missing = np.nonzero(one != other)[0]
        self.asked += len(missing)
        values[missing] = self._answers(places, one[missing], other[missing])
        lost = np.isnan(values)
        self.estimated += int(lost.sum())
        values[lost] = super().seconds(places[one[lost]], places[other[lost]])
        self.keys = np.concatenate([self.keys, keys])
        order = np.argsort(self.keys)
        self.keys, self.values = self.keys[order], np.concatenate([self.values, values])[order]

    def _answers(self, places: Floats, one: Ints, other: Ints) -> Floats:
        """Ask for all walks in tables, some at once; not-a-number is no answer."""
        found = np.full(len(one), np.nan)
        began = time.monotonic()
        deadline = began + MOST_S - self.waited_s
        asked = list(batches(places, one, other))
        answers = self.pool.map(lambda batch: self._ask(places, batch, deadline), asked)
        for batch, table in zip(asked, answers, strict=True):
            if table is not None:
                found[batch.walks] = table[batch.row, batch.column]
        self.waited_s += time.monotonic() - began
        return found

    def _ask(self, places: Floats, batch: Batch, deadline: float) -> Floats | None:
        """Ask for one table, and once more after what may pass; None is no answer."""
        for last in (False, True):
            if self.failures.total() >= MOST_FAILURES or time.monotonic() > deadline:
                return None
            try:
                return self._table(places, batch, deadline)
            except NoTable as failure:
                if last or not failure.passing:
                    self.failures[str(failure)] += 1
                    return None
        return None

    def _table(self, places: Floats, batch: Batch, deadline: float) -> Floats:
        starts, ends = ([Point(*places[n].tolist()) for n in some] for some in batch[:2])
        try:
            body = self._body(self.service.request(starts, ends), deadline)
            table = np.array(self.service.read(body), dtype=np.float64)
        except httpx.TimeoutException as error:
            raise NoTable("timeout") from error
        except httpx.TransportError as error:
            raise NoTable("no connection", passing=True) from error
        except (msgspec.MsgspecError, httpx.DecodingError, ValueError) as error:
            raise NoTable("unreadable") from error
        if table.shape != (len(starts), len(ends)):
            raise NoTable("wrong size")
        return np.where((table >= 0) & (table <= LONGEST_S), table, np.nan)

    def _body(self, request: httpx.Request, deadline: float) -> bytes:
        response = self.client.send(request, stream=True)
        try:
            if response.status_code != httpx.codes.OK:
                passing = response.status_code in PASSING
                raise NoTable(f"status {response.status_code}", passing=passing)
            return b"".join(_bounded(response, deadline))
        finally:
            response.close()


def _bounded(response: httpx.Response, deadline: float) -> Iterator[bytes]:
    size = 0
    for piece in response.iter_bytes():
        size += len(piece)
        if size > MOST_BYTES:
            raise NoTable("too long")
        if time.monotonic() > deadline:
            raise NoTable("timeout")
        yield piece
