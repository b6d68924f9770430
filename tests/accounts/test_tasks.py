"""Ended sessions do not pile up."""

from __future__ import annotations

import datetime as dt

import pytest
from django.contrib.sessions.models import Session

from accounts.tasks import sweep_sessions


@pytest.mark.django_db
def test_only_ended_sessions_go(now: dt.datetime) -> None:
    for name, days in (("over", -1), ("live", 1)):
        Session.objects.create(
            session_key=name, session_data="", expire_date=now + dt.timedelta(days=days)
        )
    sweep_sessions(unknown="ignored")
    assert list(Session.objects.values_list("session_key", flat=True)) == ["live"]
