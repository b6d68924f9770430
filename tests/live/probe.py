"""Somebody who asks all the time, and remembers when there was no good answer."""

from __future__ import annotations

import time
from collections import Counter
from typing import NamedTuple

import httpx

from tests.live.background import Background
from tests.live.watcher import token_of

EVERY_S = 0.1
PATIENCE_S = 10.0
# Who asks is looked up in Redis, or in the database, and what they ask in the database.
QUESTION = "/api/v1/me"
GOOD, REFUSED = "good", "refused"


class Answer(NamedTuple):
    """What came, and when: seconds of a monotonic clock at the question and at the answer."""

    asked: float
    answered: float
    kind: str


class Probe(Background):
    """Ask in a thread of its own until the `with` block ends."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self._url = url
        self.answers: list[Answer] = []

    @property
    def kinds(self) -> Counter[str]:
        return Counter(answer.kind for answer in self.answers)

    @property
    def degraded_s(self) -> float:
        """Seconds from the first answer that was not good until the first good one after all."""
        bad = [number for number, answer in enumerate(self.answers) if answer.kind != GOOD]
        if not bad:
            return 0.0
        after = self.answers[min(bad[-1] + 1, len(self.answers) - 1)]
        return after.answered - self.answers[bad[0]].asked

    def work(self) -> None:
        known = {"Authorization": f"Bearer {token_of(self._url, 'requester@example.com')}"}
        with httpx.Client(
            base_url=self._url, headers=known, timeout=PATIENCE_S, trust_env=False
        ) as client:
            while not self.over.wait(EVERY_S):
                asked = time.monotonic()
                kind = self._ask(client)
                self.answers.append(Answer(asked, time.monotonic(), kind))

    def _ask(self, client: httpx.Client) -> str:
        try:
            answer = client.get(QUESTION)
        except httpx.TransportError as error:
            return type(error).__name__
        if answer.status_code == httpx.codes.OK:
            return GOOD
        said = (answer.status_code, answer.headers["content-type"], "retry-after" in answer.headers)
        return REFUSED if said == (503, "application/problem+json", True) else str(said)
