"""Who acts in the stories. Each step is one thing that a person does with a phone or a browser.

Everything goes through the public doors: log-in, REST, WebSockets, the admin's pages.
"""

from __future__ import annotations

import asyncio
import io
from typing import Any, Self, TypeAlias

from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.mail import EmailMessage
from django.test import Client as Browser
from PIL import Image

from accounts.models import User
from common import clock
from common.geo import Point
from dispatch.consumers.base import in_database
from tests.accounts.conftest import APP, Tokens, log_in, post, verified
from tests.accounts.test_signup import code_in
from tests.conftest import DROPOFF, PASSWORD, PICKUP, make_runner, make_user
from tests.dispatch import asyncapi
from tests.dispatch.scene import north
from tests.dispatch.socket_client import Client as Socket
from tests.errands.staff_pages import DIALOG, text_of

Json: TypeAlias = dict[str, Any]
Errand: TypeAlias = dict[str, Any]

API = "/api/v1"
REWARD, FEE = 10_000, 1_000
NEAR = north(100)


class Person:
    """Somebody with a phone who is logged in; a stranger to every errand so far."""

    def __init__(self, name: str, tokens: Tokens) -> None:
        self.name = name
        self.tokens = tokens

    @classmethod
    async def signs_up(cls, name: str, mail: list[EmailMessage]) -> Self:
        """A new account: the code comes by e-mail, and logs in."""

        def work() -> Tokens:
            body = {"email": f"{name}@example.com", "password": PASSWORD, "nickname": name}
            begun = post(f"{APP}/auth/signup", body).json()["meta"]
            assert "access_token" not in begun
            session = {"X-Session-Token": begun["session_token"]}
            done = post(f"{APP}/auth/email/verify", {"key": code_in(mail[-1])}, **session)
            meta = done.json()["meta"]
            return Tokens(meta["access_token"], meta["refresh_token"], meta["session_token"])

        return cls(name, await in_database(work))

    @classmethod
    async def comes(cls, name: str) -> Self:
        """Somebody who signed up long ago logs in."""
        return cls(name, await in_database(lambda: log_in(verified(cls.account(name)))))

    @classmethod
    def account(cls, name: str) -> User:
        return make_user(name)

    # --- REST ---
    async def get(self, path: str, *, status: int = 200) -> Any:
        return await in_database(self._call, "GET", path, None, status)

    async def post(self, path: str, body: Json | None = None, *, status: int = 200) -> Any:
        return await in_database(self._call, "POST", path, body or {}, status)

    def _call(self, method: str, path: str, body: Json | None, status: int) -> Any:
        answer = self._send(method, path, body)
        if answer.status_code == 401 != status:
            self._refresh()
            answer = self._send(method, path, body)
        assert answer.status_code == status, answer.content.decode()
        return answer.json()

    def _send(self, method: str, path: str, body: Json | None) -> Any:
        call = getattr(Browser(), method.lower())
        if body is not None and "photo" not in body:
            return call(API + path, body, "application/json", headers=self.tokens.header)
        return call(API + path, body, headers=self.tokens.header)

    def _refresh(self) -> None:
        """An access token is good for ten minutes; stories are longer."""
        answer = post(f"{APP}/tokens/refresh", {"refresh_token": self.tokens.refresh})
        data = answer.json()["data"]
        self.tokens = self.tokens._replace(
            access=data["access_token"], refresh=data["refresh_token"]
        )

    # --- Sockets ---
    async def socket(self, path: str, *, after: int | None = None) -> Socket:
        """A socket as a browser opens it, with a ticket; ``after`` asks for what was missed."""
        ticket = (await self.post("/ws-tickets", status=201))["ticket"]
        since = "" if after is None else f"&after={after}"
        return Socket(f"{path}?ticket={ticket}{since}")

    async def is_sent_away(self, path: str) -> int:
        """The code with which the server closes a socket to ``path``."""
        async with await self.socket(path) as closing:
            return await closing.ending()

    # --- Any errand ---
    async def sees(self, errand: Errand) -> Errand:
        return dict(await self.get(f"/errands/{errand['id']}"))

    async def events_of(self, errand: Errand) -> list[str]:
        rows = (await self.get(f"/errands/{errand['id']}/events"))["results"]
        assert [row["sequence"] for row in rows] == list(range(1, len(rows) + 1))
        return [row["move"] for row in rows]

    async def does(self, step: str, errand: Errand, *, status: int = 200, **said: Any) -> Any:
        return await self.post(f"/errands/{errand['id']}/{step}", said, status=status)

    async def reviews(self, errand: Errand, stars: int) -> None:
        await self.does("reviews", errand, stars=stars, comment="고마워요", status=201)

    async def reads_reviews(self, errand: Errand) -> list[int]:
        rows = await self.get(f"/errands/{errand['id']}/reviews")
        return [row["stars"] for row in rows]

    async def sees_nothing_of(self, errand: Errand) -> None:
        """For this person the errand does not exist, whichever door they try."""
        for path in ("", "/events", "/reviews"):
            await self.get(f"/errands/{errand['id']}{path}", status=404)
        for step in ("confirm", "cancel", "pick-up"):
            await self.does(step, errand, status=404)
        await self.get(f"/payments/{errand['payment']['order_id']}", status=404)
        assert (await self.get("/errands"))["results"] == []
        assert await self.is_sent_away(f"/ws/errands/{errand['id']}/") == 4404


class Requester(Person):
    """Somebody who wants something brought, from the station to a café 400 m away."""

    async def asks_the_price(self, **wanted: Any) -> Json:
        asked = {
            "kind": "delivery", "pickup": PICKUP._asdict(), "pickup_address": "양화로 160",
            "dropoff": DROPOFF._asdict(), "dropoff_address": "와우산로 94", **wanted,
        }  # fmt: skip
        return dict(await self.post("/quotes", asked, status=201))

    async def posts(self, **wanted: Any) -> Errand:
        """A quote and an errand at ₩10,000 (₩11,000 with the fee); it is not paid yet."""
        quote = await self.asks_the_price(**wanted)
        posted = {"quote_id": quote["id"], "reward": REWARD, "title": "우산 좀 가져다주세요"}
        return dict(await self.post("/errands", posted, status=201))

    async def pays(self, order: Json, *, status: int = 200) -> Json:
        paid = {"payment_key": "sandbox_ok", "amount": order["amount"]}
        return dict(await self.post(f"/payments/{order['order_id']}/confirm", paid, status=status))

    async def has_posted(self, **wanted: Any) -> Errand:
        """A paid errand that runners may see."""
        errand = await self.posts(**wanted)
        await self.pays(errand["payment"])
        return await self.sees(errand)

    async def watches(self, errand: Errand, *, after: int | None = None) -> Socket:
        return await self.socket(f"/ws/errands/{errand['id']}/", after=after)

    async def got_back(self, errand: Errand) -> int:
        """How much of the errand's own order was refunded, in won."""
        order = await self.get(f"/payments/{errand['payment']['order_id']}")
        return int(order["refunded"])


class Runner(Person):
    """Somebody who walks for others; approved long ago unless they sign up in the story."""

    @classmethod
    def account(cls, name: str) -> User:
        return make_runner(name, on_duty=False)

    async def applies(self) -> Json:
        said = {"birth_date": "1995-03-01", "introduction": "걷는 걸 좋아해요",
                "kinds": ["delivery", "purchase"]}  # fmt: skip
        return dict(await self.post("/runner-profile", said, status=201))

    async def phone(self, *, after: int | None = None) -> Socket:
        """The app's socket, opened with the access token."""
        await self.get("/me")
        since = "" if after is None else f"?after={after}"
        return Socket(f"/ws/runner/{since}", headers=self.tokens.header)

    async def goes_on_duty(self, at: Point = NEAR, *, status: int = 200) -> Json:
        """By REST, as an app does whose socket is not open."""
        return dict(await self.post("/duty/start", {"position": at._asdict()}, status=status))

    async def is_at(self, place: Point) -> None:
        report = await self.post("/duty/positions", {"points": [reading(place)]})
        assert report == {"kept": 1, "refused": {}}

    async def offers(self, state: str = "offered") -> list[Json]:
        return list((await self.get(f"/offers?state={state}"))["results"])

    async def takes(self, errand: Errand) -> None:
        """Accept the offer of ``errand``."""
        (offer,) = await self.offers()
        assert offer["errand_id"] == errand["id"]
        await self.post(f"/offers/{offer['id']}/accept")

    async def nearby(self) -> dict[str, int]:
        """What could be claimed around the pickup: errand → pay."""
        rows = await self.get(f"/errands-nearby?lat={PICKUP.lat}&lng={PICKUP.lng}")
        return {row["errand_id"]: row["pay"] for row in rows}

    async def photographs(self, errand: Errand, purpose: str) -> str:
        content = io.BytesIO()
        Image.new("RGB", (160, 120), "tomato").save(content, "JPEG")
        photo = SimpleUploadedFile("proof.jpg", content.getvalue(), "image/jpeg")
        kept = await self.does("photos", errand, photo=photo, purpose=purpose, status=201)
        return str(kept["id"])

    async def arrives(self, errand: Errand, place: Point) -> Errand:
        return dict(await self.does("arrive", errand, position=place._asdict()))

    async def picks_up(self, errand: Errand) -> Errand:
        photo_id = await self.photographs(errand, "pickup")
        return dict(await self.does("pick-up", errand, photo_id=photo_id))

    async def delivers(self, errand: Errand) -> Errand:
        photo_id = await self.photographs(errand, "delivery")
        return dict(await self.does("deliver", errand, photo_id=photo_id))

    async def carries_to_the_door(self, errand: Errand) -> None:
        """From the acceptance to the destination, not yet handed over."""
        await self.arrives(errand, PICKUP)
        await self.picks_up(errand)
        await self.arrives(errand, DROPOFF)

    async def earned(self) -> int:
        balance = (await self.get("/balance"))["balance"]
        assert balance == sum(row["amount"] for row in (await self.get("/statement"))["results"])
        return int(balance)


class Staff:
    """Dana, in a browser, in the admin."""

    def __init__(self, browser: Browser) -> None:
        self.browser = browser

    @classmethod
    async def logs_in(cls) -> Self:
        def work() -> Browser:
            make_user("dana", is_staff=True)
            browser = Browser(headers={"accept-language": "en"})
            form = {"username": "dana@example.com", "password": PASSWORD}
            assert browser.post("/admin/login/?next=/admin/", form).status_code == 302
            return browser

        return cls(await in_database(work))

    async def reads(self, errand: Errand) -> str:
        """The words on the errand's page."""
        page = f"/admin/errands/errand/{errand['id']}/change/"
        return text_of(await in_database(self.browser.get, page))

    async def _acts(self, page: str, **form: str) -> None:
        answer = await in_database(self.browser.post, f"/admin/{page}/", {**DIALOG, **form})
        shown = await in_database(self.browser.get, answer["HX-Redirect"])
        assert [message.level_tag for message in shown.context["messages"]] == ["success"]

    async def approves(self, application: Json) -> None:
        await self._acts(f"accounts/runnerprofile/{application['id']}/approve")

    async def resumes(self, runner: Runner) -> None:
        profile = await runner.get("/runner-profile")
        await self._acts(f"accounts/runnerprofile/{profile['id']}/resume")

    async def bans(self, user_id: str, reason: str) -> None:
        await self._acts(f"accounts/user/{user_id}/ban", reason=reason)

    async def stops(self, errand: Errand, reason: str) -> None:
        await self._acts(f"errands/errand/{errand['id']}/stop", reason=reason)

    async def decides(self, errand: Errand, percent: int, reason: str) -> None:
        page = f"errands/errand/{errand['id']}/resolve"
        await self._acts(page, runner_percent=str(percent), reason=reason)


# --- What comes over a socket --------------------------------------------------------------


def reading(place: Point) -> Json:
    return {**place._asdict(), "accuracy": 6.0, "recorded_at": clock.now().isoformat()}


async def until(socket: Socket, type_: str, **expected: Any) -> Json:
    """Listen until a message of this type that says what is expected; an error ends the story."""
    known = set(asyncapi.messages(socket.channel, "send")) - {"error"}
    while True:
        message = await socket.hear(*known)
        if message["type"] == type_ and expected.items() <= message.items():
            return message


async def hears_no_more(socket: Socket) -> list[str]:
    """Everything that was still on its way, by type; the pong comes after it."""
    before = len(socket.heard)
    await asyncio.sleep(0.1)
    await socket.say("ping")
    await until(socket, "pong")
    return [message["type"] for message in socket.heard[before:-1]]


def numbers(*sockets: Socket) -> list[int]:
    """The numbers of the numbered messages, in the order in which they came."""
    heard = [message for socket in sockets for message in socket.heard]
    return [m["sequence"] for m in heard if "sequence" in m and m["type"] != "hello"]
