"""Who may open which socket, by what means, and who is sent away later."""

from __future__ import annotations

from typing import Any

import pytest
from asgiref.testing import ApplicationCommunicator
from django.conf import settings
from django.test import Client as Browser

from accounts.models import RunnerProfile, RunnerState, User
from accounts.services import user_ban
from accounts.tickets import issue
from balrottuieo.asgi import application
from common import clock
from dispatch import live
from dispatch.consumers.base import in_database
from dispatch.protocol import CloseCode
from tests.accounts.conftest import log_in, verified
from tests.conftest import make_runner
from tests.dispatch.socket_client import Client

pytestmark = pytest.mark.django_db(transaction=True)

RUNNER = "/ws/runner/"
OURS = {"origin": "http://testserver"}


def bearer(user: User) -> dict[str, str]:
    return {"authorization": f"Bearer {log_in(verified(user)).access}"}


def cookie(user: User) -> dict[str, str]:
    browser = Browser()
    browser.force_login(user)
    key = browser.cookies[settings.SESSION_COOKIE_NAME].value
    return {"cookie": f"{settings.SESSION_COOKIE_NAME}={key}"}


def profile(user: User, **changes: Any) -> None:
    assert RunnerProfile.objects.filter(user=user).update(**changes)


async def test_a_runner_comes_in_by_token(bob: User) -> None:
    async with Client(RUNNER, headers=await in_database(bearer, bob)) as client:
        assert await client.hear("hello") == {
            "type": "hello", "sequence": 0, "on_duty": True, "corridor": None, "offers": [],
            "errands": [], "reset": False,
        }  # fmt: skip


@pytest.mark.parametrize("path", ["/", "/ws/", "/ws/runner", "/ws/errands/1/"])
async def test_any_other_address_is_not_there(path: str) -> None:
    communicator: Any = ApplicationCommunicator
    scope = {"type": "websocket", "path": path, "query_string": b"", "headers": []}
    stack = communicator(application, scope)
    await stack.send_input({"type": "websocket.connect"})
    heard = [await stack.receive_output(5) for _ in range(3)]
    assert [event["type"] for event in heard] == [
        "websocket.accept", "websocket.send", "websocket.close",
    ]  # fmt: skip
    assert heard[-1]["code"] == CloseCode.NOT_FOUND


async def test_a_runner_comes_in_by_ticket_once(bob: User) -> None:
    path = f"{RUNNER}?ticket={issue(bob.pk)}"
    async with Client(path) as client:
        await client.hear("hello")
    async with Client(path) as client:
        assert await client.ending() == 4401


async def test_a_runner_comes_in_by_session_from_our_own_page(bob: User) -> None:
    session = await in_database(cookie, bob)
    async with Client(RUNNER, headers={**session, **OURS}) as client:
        await client.hear("hello")


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "null", "http://testserver.evil.example"]
)
async def test_a_wrong_origin_is_refused_whatever_else_is_sent(bob: User, origin: str) -> None:
    headers = {**await in_database(bearer, bob), "origin": origin}
    async with Client(RUNNER, headers=headers) as client:
        assert await client.ending() == 4403
    session = await in_database(cookie, bob)
    async with Client(RUNNER, headers={**session, "origin": origin}) as client:
        assert await client.ending() == 4403
    assert client.heard == []


@pytest.mark.parametrize(
    ("query", "headers"),
    [("?ticket=expired-long-ago", {}), ("", {"authorization": "Bearer nonsense"})],
)
async def test_what_is_not_good_any_more_is_refused(
    db: None, query: str, headers: dict[str, str]
) -> None:
    async with Client(RUNNER + query, headers=headers) as client:
        assert await client.ending() == 4401
    assert client.heard == []


@pytest.mark.parametrize(
    "path",
    [RUNNER, "/ws/errands/0195a1c0-0000-7000-8000-000000000001/", "/ws/staff/map/"],
)
async def test_nobody_in_particular_is_asked_to_log_in(db: None, path: str) -> None:
    async with Client(path) as client:
        assert (await client.hear("error"))["code"] == "not_authenticated"
        assert await client.ending() == 4401


@pytest.mark.parametrize("state", [RunnerState.APPLIED, RunnerState.REJECTED])
async def test_a_runner_not_approved_is_told_so(bob: User, state: RunnerState) -> None:
    await in_database(profile, bob, state=state)
    async with Client(RUNNER, user=bob) as client:
        assert (await client.hear("error"))["code"] == "runner_not_approved"
        assert await client.ending() == 4403


async def test_who_never_applied_is_told_so(alice: User) -> None:
    async with Client(RUNNER, user=alice) as client:
        assert (await client.hear("error"))["code"] == "not_a_runner"
        assert await client.ending() == 4403


async def test_a_paused_runner_keeps_the_channel_to_finish_what_is_carried(bob: User) -> None:
    await in_database(profile, bob, state=RunnerState.PAUSED, on_duty=False)
    async with Client(RUNNER, user=bob) as client:
        assert (await client.hear("hello"))["on_duty"] is False


async def test_the_map_is_for_staff(alice: User, bob: User) -> None:
    for user in (alice, bob):
        async with Client("/ws/staff/map/", user=user) as client:
            assert (await client.hear("error"))["code"] == "not_staff"
            assert await client.ending() == 4403


async def test_a_ban_ends_all_sockets_of_that_user_and_no_others(
    bob: User, dana: User, alice: User
) -> None:
    carol = await in_database(make_runner, "carol")
    async with (
        Client(RUNNER, user=bob) as first,
        Client(RUNNER, user=bob) as second,
        Client(RUNNER, user=carol) as other,
    ):
        for client in (first, second, other):
            await client.hear("hello")
        await in_database(user_ban, user=bob, by=dana, reason="cash", now=clock.now())
        assert await first.ending() == 4401
        assert await second.ending() == 4401
        assert await other.is_well()
    async with Client(RUNNER, user=bob) as client:
        assert await client.ending() == 4401


async def test_a_ban_whose_news_was_lost_is_noticed_at_the_next_look(
    bob: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dispatch.consumers.runner.RunnerConsumer.tick_s", 0.1)
    async with Client(RUNNER, user=bob) as client:
        await client.hear("hello")
        await in_database(User.objects.filter(pk=bob.pk).update, is_active=False)
        assert (await client.hear("error"))["code"] == "not_authenticated"
        assert await client.ending() == 4401


async def test_a_ban_while_the_socket_opens_is_not_missed(
    bob: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    joined = live.Inbox.join

    async def banned_before(inbox: live.Inbox, *groups: str) -> None:
        await in_database(User.objects.filter(pk=bob.pk).update, is_active=False)
        await joined(inbox, *groups)

    monkeypatch.setattr(live.Inbox, "join", banned_before)
    async with Client(RUNNER, user=bob) as client:
        assert await client.ending() == 4401


async def test_any_code_can_end_a_users_sockets(bob: User) -> None:
    async with Client(RUNNER, user=bob) as client:
        await client.hear("hello")
        await in_database(live.close_user, bob.pk, CloseCode.NOT_ALLOWED)
        assert await client.ending() == 4403


@pytest.mark.parametrize(
    ("header", "said"),
    [
        ("en", "Please log in again."),
        ("xx;q=0.9, en-GB;q=0.8", "Please log in again."),
        (";;;", None),
        ("\x00" * 50, None),
    ],
)
async def test_refusals_speak_the_clients_language(db: None, header: str, said: str | None) -> None:
    async with Client(RUNNER, headers={"accept-language": header}) as client:
        detail = (await client.hear("error"))["detail"]
    assert said is None or detail == said
