from __future__ import annotations

import datetime as dt

import pytest

from tests.scale.town import Size, Town, load


@pytest.fixture
def town(transactional_db: None, now: dt.datetime) -> Town:
    """The whole town; gone with the test."""
    return load(Size(), now=now)
