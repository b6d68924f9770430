"""One key, one effect: the first answer is stored in the unit that made the effect."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from django.core.cache import cache
from django.core.files.uploadedfile import UploadedFile
from django.db import IntegrityError
from django.utils.translation import gettext_lazy as _
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from common import clock
from common.db import delete_all, run_in_unit
from common.errors import Conflict, Invalid, Unprocessable
from common.models import AnsweredRequest

HEADER = "Idempotency-Key"
KEPT = timedelta(hours=24)
KEPT_PAYMENTS = timedelta(days=15)
RUNNING_S = 30
MAX_KEY = 200

Answer = tuple[int, Any]


def _nothing() -> None:
    """Nothing comes before the unit, for most requests."""


def answer_once(
    request: Request,
    work: Callable[[], Answer],
    *,
    kept: timedelta = KEPT,
    before: Callable[[], object] = _nothing,
) -> Response:
    """Run ``work`` in one unit, or give again what it answered to the same key.

    ``before`` runs outside the unit, once the key is known to be new: a call to another company
    belongs there. It must be harmless when repeated, as it is after a crash.

    Without the header the work simply runs in its unit. A key with another body is 422
    ``idempotency_key_reused``; a key whose first request still runs is 409. A refused request
    leaves nothing behind, so its key may be tried again.
    """
    key = request.headers.get(HEADER)
    if key is None:
        before()
        status, body = run_in_unit(work)
        return Response(body, status=status)
    if not 1 <= len(key) <= MAX_KEY or not key.isprintable():
        raise Invalid("bad_idempotency_key", _("An Idempotency-Key has 1 to 200 characters."))
    return _Attempt(request, key).run(work, before, clock.now() + kept)


class _Attempt:
    def __init__(self, request: Request, key: str) -> None:
        self.owner = str(request.user.pk or "anonymous")
        self.key = key
        self.fingerprint = _fingerprint(request)

    def run(
        self, work: Callable[[], Answer], before: Callable[[], object], expires_at: datetime
    ) -> Response:
        earlier = self._earlier()
        if earlier is not None:
            return earlier
        # Only a courtesy: the unique row below is what makes the effect happen once.
        lock = f"idempotency:{self.owner}:{hashlib.sha256(self.key.encode()).hexdigest()}"
        if not cache.add(lock, 1, RUNNING_S):
            raise Conflict(
                "still_running", _("The first request with this key still runs."), retry_after=1
            )
        try:
            before()
            return self._first(work, expires_at)
        finally:
            cache.delete(lock)

    def _first(self, work: Callable[[], Answer], expires_at: datetime) -> Response:
        try:
            status, body = run_in_unit(lambda: self._recorded(work, expires_at))
        except IntegrityError:
            earlier = self._earlier()
            if earlier is None:  # it was the work's own constraint, not our row
                raise
            return earlier
        return Response(body, status=status)

    def _recorded(self, work: Callable[[], Answer], expires_at: datetime) -> Answer:
        # Before the work: a second request with this key waits here for the first one's commit.
        record = AnsweredRequest.objects.create(
            owner=self.owner, key=self.key, fingerprint=self.fingerprint, expires_at=expires_at
        )
        status, body = work()
        # As it will be read back, so that the first answer and its repetitions do not differ.
        plain = json.loads(JSONRenderer().render(body)) if body is not None else None
        AnsweredRequest.objects.filter(pk=record.pk).update(status=status, body=plain)
        return status, plain

    def _earlier(self) -> Response | None:
        record = AnsweredRequest.objects.filter(owner=self.owner, key=self.key).first()
        if record is None:
            return None
        if record.fingerprint != self.fingerprint:
            raise Unprocessable(
                "idempotency_key_reused", _("This key was used for another request.")
            )
        return Response(record.body, status=record.status, headers={"Idempotent-Replayed": "true"})


def _fingerprint(request: Request) -> str:
    digest = hashlib.sha256(f"{request.method} {request.get_full_path()}\n".encode())
    for name in sorted(request.data):
        value = request.data[name]
        if isinstance(value, UploadedFile):
            digest.update(name.encode() + hashlib.sha256(value.read()).digest())
            value.seek(0)
        else:
            digest.update(json.dumps([name, value], sort_keys=True, default=str).encode())
    return digest.hexdigest()


def forget_expired(*, now: datetime) -> int:
    """Delete records past their keeping time; return how many."""
    return delete_all(AnsweredRequest.objects.filter(expires_at__lt=now))
