from __future__ import annotations

import pytest
from django.test import Client

from accounts.models import User
from common import clock
from errands import services
from errands.models import Errand
from errands.states import State
from tests.conftest import make_errand, pay_for, walk


@pytest.fixture
def staff(client: Client, dana: User) -> Client:
    client.force_login(dana)
    return client


@pytest.fixture
def disputed(alice: User, bob: User) -> Errand:
    errand = walk(pay_for(make_errand(alice, reward=10_000)), bob, State.DELIVERED)
    return services.errand_object(
        errand_id=errand.pk, requester=alice, note="상자가 열려 있어요", now=clock.now()
    )
