"""The REST edge of errands: access, no access, bad input, and what must not have happened."""

from __future__ import annotations

import datetime as dt
import io
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile
from PIL import Image
from rest_framework.test import APIClient

from accounts.models import User
from errands.models import Errand, ErrandEvent, Photo, PhotoPurpose, Quote, Review
from errands.services import PhotoUpload, errand_confirm
from errands.states import State
from payments.models import Payment
from tests.conftest import DROPOFF, PICKUP, make_errand, make_photo, pay_for, refused, walk

Client = Callable[[User | None], APIClient]

ASKED: dict[str, Any] = {
    "kind": "delivery",
    "pickup": PICKUP._asdict(),
    "pickup_address": "서울 마포구 양화로 160",
    "dropoff": DROPOFF._asdict(),
    "dropoff_address": "서울 마포구 동교로 191",
}


def problem(response: Any, status: int, code: str) -> dict[str, Any]:
    """Check the shape of a refusal and return its body."""
    assert response.status_code == status, response.content
    assert response["Content-Type"] == "application/problem+json"
    body: dict[str, Any] = response.json()
    assert (body["status"], body["code"]) == (status, code)
    assert body["detail"]
    assert body["trace_id"] == response["X-Request-ID"]
    return body


class TestQuotes:
    def test_a_quote_is_itemised(self, alice: User, api: Client) -> None:
        response = api(alice).post("/api/v1/quotes", ASKED)
        assert response.status_code == 201
        body = response.json()
        assert sum(line["amount"] for line in body["lines"]) == body["reward_floor"]
        assert body["lines"][0] == {"code": "base", "name": "기본", "amount": 3_000}
        assert body["total"] == body["reward_floor"] + body["service_fee"]
        assert body["minimum_wage"] == 10_320
        assert body["below_minimum_wage"] == (body["implied_hourly"] < 10_320)
        assert bool(body["warning"]) == body["below_minimum_wage"]

    def test_it_can_be_read_again_by_its_owner_only(
        self, alice: User, charlie: User, api: Client
    ) -> None:
        quote_id = api(alice).post("/api/v1/quotes", ASKED).json()["id"]
        assert api(alice).get(f"/api/v1/quotes/{quote_id}").status_code == 200
        problem(api(charlie).get(f"/api/v1/quotes/{quote_id}"), 404, "not_found")

    def test_strangers_to_the_platform_are_asked_to_log_in(self, api: Client, db: None) -> None:
        problem(api(None).post("/api/v1/quotes", ASKED), 401, "not_authenticated")

    @pytest.mark.parametrize(
        ("change", "field", "code"),
        [
            ({"kind": "rocket"}, "kind", "invalid_choice"),
            ({"surprise": 1}, "surprise", "unknown_field"),
            ({"weight_kg": "3"}, "weight_kg", "invalid"),
            ({"weight_kg": -1}, "weight_kg", "min_value"),
            ({"weight_kg": 10**30}, "weight_kg", "max_value"),
            ({"weight_kg": True}, "weight_kg", "invalid"),
            ({"pickup_address": "길" * 121}, "pickup_address", "max_length"),
            ({"pickup_address": 7}, "pickup_address", "invalid"),
            ({"pickup_address": "서울\x00시"}, "pickup_address", "invalid"),
            (
                {"pickup": {"lat": 35.68, "lng": 139.76}},
                "pickup",
                "outside_service_area",
            ),
            ({"pickup": {"lat": "37.5", "lng": 127}}, "pickup.lat", "invalid"),
            ({"pickup": {"lat": 37.5}}, "pickup.lng", "required"),
            ({"pickup": [37.5, 127.0]}, "pickup.non_field_errors", "invalid"),
            ({"dropoff": None}, "dropoff", "dropoff_missing"),
            ({"deadline_at": "2020-01-01T00:00:00Z"}, "deadline_at", "time_out_of_range"),
            ({"deadline_at": "tomorrow"}, "deadline_at", "invalid"),
        ],
    )
    def test_bad_input(
        self, alice: User, api: Client, change: dict[str, Any], field: str, code: str
    ) -> None:
        body = api(alice).post("/api/v1/quotes", ASKED | change).json()
        assert body["status"] == 400
        assert {"field": field, "code": code} in [
            {"field": error["field"], "code": error["code"]} for error in body["errors"]
        ]
        assert not Quote.objects.exists()

    @pytest.mark.parametrize(
        ("raw", "status", "code"),
        [
            (b"{", 400, "parse_error"),
            (b"\xff\xfe", 400, "parse_error"),
            (b'{"kind": NaN}', 400, "parse_error"),
            (b"[]", 400, "invalid"),
            (b"null", 400, "invalid"),
            (b" " * 300_000, 413, "too_large"),
        ],
    )
    def test_bodies_that_are_no_json_object(
        self, alice: User, api: Client, raw: bytes, status: int, code: str
    ) -> None:
        response = api(alice).post("/api/v1/quotes", raw, content_type="application/json")
        problem(response, status, code)
        assert not Quote.objects.exists()

    def test_deep_json_is_refused(self, alice: User, api: Client) -> None:
        raw = b'{"kind":' + b"[" * 100_000 + b"]" * 100_000 + b"}"
        response = api(alice).post("/api/v1/quotes", raw, content_type="application/json")
        assert 400 <= response.status_code < 500

    def test_other_content_is_refused(self, alice: User, api: Client) -> None:
        response = api(alice).generic("POST", "/api/v1/quotes", "kind=delivery", "text/plain")
        problem(response, 415, "unsupported_media_type")


@pytest.fixture
def posting(alice: User, api: Client) -> dict[str, Any]:
    quote = api(alice).post("/api/v1/quotes", ASKED).json()
    return {"quote_id": quote["id"], "reward": quote["reward_floor"], "title": "우산 배달"}


class TestPosting:
    def test_an_errand_comes_with_the_order_that_pays_for_it(
        self, alice: User, api: Client, posting: dict[str, Any]
    ) -> None:
        response = api(alice).post("/api/v1/errands", posting)
        assert response.status_code == 201
        body = response.json()
        assert (body["state"], body["role"]) == ("awaiting_payment", "requester")
        assert body["moves"] == ["cancel"]
        assert body["payment"]["amount"] == body["total"]
        assert body["tracking_url"].startswith(f"{settings.PUBLIC_URL}/t/")

    def test_paying_opens_it(
        self, alice: User, api: Client, posting: dict[str, Any],
        django_capture_on_commit_callbacks: Any,
    ) -> None:  # fmt: skip
        body = api(alice).post("/api/v1/errands", posting).json()
        with django_capture_on_commit_callbacks(execute=True):
            paid = api(alice).post(
                f"/api/v1/payments/{body['payment']['order_id']}/confirm",
                {"payment_key": "sandbox_ok", "amount": body["total"]},
            )
        assert paid.status_code == 200, paid.content
        assert api(alice).get(f"/api/v1/errands/{body['id']}").json()["state"] == "open"

    @pytest.mark.parametrize(
        ("change", "code"),
        [
            ({"reward": 1}, "reward_too_low"),
            ({"reward": -5}, "invalid"),
            ({"reward": 10**18}, "invalid"),
            ({"reward": 5_000.5}, "invalid"),
            ({"title": "긴" * 61}, "invalid"),
            ({"note": "긴" * 501}, "invalid"),
            ({"quote_id": "nonsense"}, "invalid"),
            ({"proof": "trust me"}, "invalid"),
            ({"ask_pickup_pin": "yes"}, "invalid"),
            ({"requester": "someone"}, "invalid"),
        ],
    )
    def test_bad_input(
        self, alice: User, api: Client, posting: dict[str, Any], change: dict[str, Any], code: str
    ) -> None:
        problem(api(alice).post("/api/v1/errands", posting | change), 400, code)
        assert not Errand.objects.exists()
        assert not Payment.objects.exists()

    def test_an_unknown_quote(self, charlie: User, api: Client, posting: dict[str, Any]) -> None:
        problem(api(charlie).post("/api/v1/errands", posting), 404, "not_found")

    def test_one_key_makes_one_errand(
        self, alice: User, api: Client, posting: dict[str, Any]
    ) -> None:
        headers = {"Idempotency-Key": "k-1"}
        first = api(alice).post("/api/v1/errands", posting, headers=headers)
        again = api(alice).post("/api/v1/errands", posting, headers=headers)
        assert (again.status_code, again.json()) == (201, first.json())
        assert again["Idempotent-Replayed"] == "true"
        assert Errand.objects.count() == Payment.objects.count() == 1
        other = api(alice).post("/api/v1/errands", posting | {"title": "다른 것"}, headers=headers)
        problem(other, 422, "idempotency_key_reused")

    @pytest.mark.django_db(transaction=True)  # the refused unit must really be rolled back
    def test_a_refused_request_frees_its_key(
        self, alice: User, api: Client, posting: dict[str, Any]
    ) -> None:
        headers = {"Idempotency-Key": "k-2"}
        refused = api(alice).post("/api/v1/errands", posting | {"reward": 1}, headers=headers)
        problem(refused, 400, "reward_too_low")
        assert api(alice).post("/api/v1/errands", posting, headers=headers).status_code == 201

    def test_keys_of_two_people_do_not_meet(
        self, alice: User, charlie: User, api: Client, posting: dict[str, Any]
    ) -> None:
        headers = {"Idempotency-Key": "k-3"}
        assert api(alice).post("/api/v1/errands", posting, headers=headers).status_code == 201
        problem(api(charlie).post("/api/v1/errands", posting, headers=headers), 404, "not_found")

    @pytest.mark.parametrize("key", ["", "k" * 201, "a\tb"])
    def test_a_key_has_limits(
        self, alice: User, api: Client, posting: dict[str, Any], key: str
    ) -> None:
        response = api(alice).post("/api/v1/errands", posting, headers={"Idempotency-Key": key})
        problem(response, 400, "bad_idempotency_key")


class TestLooking:
    def test_lists_know_roles_states_and_pages(self, alice: User, bob: User, api: Client) -> None:
        mine = [make_errand(alice) for _ in range(3)]
        run = walk(pay_for(mine[0]), bob, State.ASSIGNED)
        client = api(alice)
        page = client.get("/api/v1/errands?page_size=2").json()
        assert [e["id"] for e in page["results"]] == [str(mine[2].pk), str(mine[1].pk)]
        rest = client.get(page["next"]).json()
        assert [e["id"] for e in rest["results"]] == [str(mine[0].pk)]
        assert rest["next"] is None
        assert client.get("/api/v1/errands?role=runner").json()["results"] == []
        found = api(bob).get("/api/v1/errands?role=runner&state=assigned").json()["results"]
        assert [e["id"] for e in found] == [str(run.pk)]
        assert found[0]["moves"] == ["arrive", "drop", "fail"]

    def test_a_list_takes_a_fixed_number_of_queries(
        self, alice: User, bob: User, api: Client, django_assert_num_queries: Any
    ) -> None:
        for _ in range(5):
            walk(pay_for(make_errand(alice)), bob, State.ASSIGNED)
        with django_assert_num_queries(2):
            assert len(api(alice).get("/api/v1/errands").json()["results"]) == 5

    @pytest.mark.parametrize("query", ["state=flying", "role=staff", "sort=price"])
    def test_unknown_filters_are_refused(self, alice: User, api: Client, query: str) -> None:
        problem(api(alice).get(f"/api/v1/errands?{query}"), 400, "invalid")

    def test_strangers_and_secrets(
        self, alice: User, bob: User, charlie: User, api: Client
    ) -> None:
        errand = walk(pay_for(make_errand(alice, ask_pickup_pin=True)), bob, State.ASSIGNED)
        path = f"/api/v1/errands/{errand.pk}"
        assert api(alice).get(path).json()["pickup_pin"] == errand.pickup_pin
        seen = api(bob).get(path).json()
        assert (seen["pickup_pin"], seen["payment"], seen["tracking_url"]) == ("", None, "")
        assert seen["asks_pickup_pin"] is True
        for client in (api(charlie), api(None)):
            assert client.get(path).status_code in {401, 404}
        problem(api(charlie).get(f"{path}/events"), 404, "not_found")
        problem(api(alice).get(f"/api/v1/errands/{uuid.uuid4()}"), 404, "not_found")

    def test_a_higher_reward_is_suggested_after_five_minutes(
        self, alice: User, bob: User, api: Client, now: dt.datetime
    ) -> None:
        errand = pay_for(make_errand(alice))
        path = f"/api/v1/errands/{errand.pk}"
        for minutes, suggested in ((4, False), (5, True)):
            Errand.objects.update(opened_at=now - dt.timedelta(minutes=minutes))
            assert api(alice).get(path).json()["raise_suggested"] is suggested
        walk(errand, bob, State.ASSIGNED)
        assert api(alice).get(path).json()["raise_suggested"] is False

    def test_events_after_a_number(self, alice: User, bob: User, api: Client) -> None:
        errand = walk(pay_for(make_errand(alice)), bob, State.AT_PICKUP)
        path = f"/api/v1/errands/{errand.pk}/events"
        assert [e["sequence"] for e in api(alice).get(path).json()["results"]] == [1, 2, 3, 4]
        notes = {e["note"] for e in api(alice).get(path).json()["results"]}
        assert notes == {""}  # the order number in the event of funding is not for people
        after = api(bob).get(f"{path}?after=2").json()["results"]
        assert [e["move"] for e in after] == ["accept", "arrive"]

    def test_an_address_that_is_not_there(self, api: Client, db: None) -> None:
        problem(api(None).get("/api/v1/nothing-here"), 404, "not_found")


class TestMoves:
    def test_the_runner_walks_the_whole_way_over_rest(
        self, alice: User, bob: User, api: Client
    ) -> None:
        errand = walk(pay_for(make_errand(alice)), bob, State.ASSIGNED)
        path, client = f"/api/v1/errands/{errand.pk}", api(bob)

        def photo(purpose: str) -> str:
            body = {"photo": jpeg(), "purpose": purpose}
            return str(client.post(f"{path}/photos", body, format="multipart").json()["id"])

        steps: list[tuple[str, dict[str, Any]]] = [
            ("arrive", {"position": PICKUP._asdict()}),
            ("pick-up", {"photo_id": photo("pickup")}),
            ("arrive", {"position": DROPOFF._asdict()}),
            ("deliver", {"photo_id": photo("delivery")}),
        ]
        for move, body in steps:
            response = client.post(f"{path}/{move}", body)
            assert response.status_code == 200, response.content
        assert response.json()["state"] == "delivered"
        assert api(alice).post(f"{path}/confirm", {}).json()["state"] == "completed"

    @pytest.mark.parametrize("move", ["arrive", "deliver", "fail", "confirm", "cancel", "raise"])
    def test_a_stranger_moves_nothing(
        self, alice: User, bob: User, charlie: User, api: Client, move: str
    ) -> None:
        errand = walk(pay_for(make_errand(alice)), bob, State.ASSIGNED)
        body = {
            "arrive": {"position": PICKUP._asdict()}, "fail": {"reason": "other"},
            "raise": {"reward": 50_000},
        }.get(move, {})  # fmt: skip
        problem(api(charlie).post(f"/api/v1/errands/{errand.pk}/{move}", body), 404, "not_found")
        errand.refresh_from_db()
        assert errand.version == 3

    def test_an_illegal_move_is_a_conflict(self, alice: User, bob: User, api: Client) -> None:
        errand = walk(pay_for(make_errand(alice)), bob, State.ASSIGNED)
        response = api(alice).post(f"/api/v1/errands/{errand.pk}/confirm", {})
        assert problem(response, 409, "illegal_move")["state"] == "assigned"

    def test_a_reason_outside_the_catalogue(self, alice: User, bob: User, api: Client) -> None:
        errand = walk(pay_for(make_errand(alice)), bob, State.ASSIGNED)
        response = api(bob).post(f"/api/v1/errands/{errand.pk}/fail", {"reason": "bored"})
        assert problem(response, 400, "invalid")["errors"][0]["field"] == "reason"

    def test_a_raise_answers_its_order(self, alice: User, api: Client) -> None:
        errand = pay_for(make_errand(alice, reward=10_000))
        response = api(alice).post(f"/api/v1/errands/{errand.pk}/raise", {"reward": 11_000})
        assert response.status_code == 201
        assert response.json()["amount"] == 1_100


def jpeg(size: tuple[int, int] = (320, 240), **options: Any) -> SimpleUploadedFile:
    content = io.BytesIO()
    Image.new("RGB", size, "navy").save(content, "JPEG", **options)
    return SimpleUploadedFile("a.jpg", content.getvalue(), "image/jpeg")


class TestPhotos:
    @pytest.fixture
    def errand(self, alice: User, bob: User) -> Errand:
        return walk(pay_for(make_errand(alice)), bob, State.ASSIGNED)

    def upload(self, client: APIClient, errand: Errand, photo: Any) -> Any:
        body = {"photo": photo, "purpose": "pickup"}
        return client.post(f"/api/v1/errands/{errand.pk}/photos", body, format="multipart")

    def test_the_position_is_removed(
        self, bob: User, api: Client, errand: Errand, settings: Any
    ) -> None:
        exif = Image.Exif()
        exif.get_ifd(0x8825)[1] = "N"  # GPS: GPSLatitudeRef
        photo = jpeg((3000, 2000), exif=exif)
        assert b"Exif" in photo.read()
        photo.seek(0)
        response = self.upload(api(bob), errand, photo)
        assert response.status_code == 201, response.content
        assert (response.json()["width"], response.json()["height"]) == (2048, 1365)
        stored = Path(Photo.objects.get().image.path)
        assert b"Exif" not in stored.read_bytes()

    @pytest.mark.parametrize(
        ("photo", "status", "code"),
        [
            (SimpleUploadedFile("a.jpg", b"just a text", "image/jpeg"), 400, "not_a_photo"),
            (SimpleUploadedFile("a.jpg", b"<svg/>" * 9, "image/jpeg"), 400, "not_a_photo"),
            (
                SimpleUploadedFile("a.jpg", b"\xff" * 11_000_000, "image/jpeg"),
                400,
                "photo_too_large",
            ),
            (SimpleUploadedFile("a.jpg", b"\xff" * 20_000_000, "image/jpeg"), 413, "too_large"),
            (jpeg((20, 20)), 400, "photo_dimensions"),
            (jpeg((9_000, 70)), 400, "photo_dimensions"),
        ],
        ids=["text", "svg", "11 MB", "20 MB", "tiny", "long"],
    )
    def test_what_is_not_a_proper_photo(
        self, bob: User, api: Client, errand: Errand, settings: Any, photo: Any, status: int,
        code: str,
    ) -> None:  # fmt: skip
        photo.seek(0)
        problem(self.upload(api(bob), errand, photo), status, code)
        assert not Photo.objects.exists()
        assert not any(Path(settings.MEDIA_ROOT).rglob("*.jpg"))

    def test_a_truncated_jpeg(self, bob: User, api: Client, errand: Errand) -> None:
        half = jpeg().read()[:600]
        problem(
            self.upload(api(bob), errand, SimpleUploadedFile("a.jpg", half)), 400, "not_a_photo"
        )

    def test_one_key_stores_one_file(
        self, bob: User, api: Client, errand: Errand, settings: Any
    ) -> None:
        path, headers = f"/api/v1/errands/{errand.pk}/photos", {"Idempotency-Key": "photo-1"}
        answers = [
            api(bob).post(
                path, {"photo": jpeg(), "purpose": "pickup"}, format="multipart", headers=headers
            )
            for _twice in range(2)
        ]
        assert [answer.status_code for answer in answers] == [201, 201]
        assert answers[0].json() == answers[1].json()
        assert len(list(Path(settings.MEDIA_ROOT).rglob("*.jpg"))) == Photo.objects.count() == 1

    def test_a_row_that_is_not_written_leaves_no_file(
        self, alice: User, bob: User, errand: Errand, settings: Any
    ) -> None:
        """The errand ends while the photo is on its way to the storage."""
        with (
            refused("illegal_move"),
            PhotoUpload(errand.pk, bob, jpeg(), PhotoPurpose.PICKUP) as photo,
        ):
            photo.store()
            assert len(list(Path(settings.MEDIA_ROOT).rglob("*.jpg"))) == 1
            Errand.objects.filter(pk=errand.pk).update(state=State.CANCELLED)
            photo.record()
        assert not list(Path(settings.MEDIA_ROOT).rglob("*.jpg"))
        assert not Photo.objects.exists()

    def test_a_unit_that_fails_later_takes_the_file_along(
        self, bob: User, errand: Errand, settings: Any
    ) -> None:
        def one_unit() -> None:
            with PhotoUpload(errand.pk, bob, jpeg(), PhotoPurpose.PICKUP) as photo:
                photo.store()
                photo.record()
                raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            one_unit()
        assert not list(Path(settings.MEDIA_ROOT).rglob("*.jpg"))

    def test_both_parties_see_them_and_nobody_else(
        self, alice: User, bob: User, charlie: User, api: Client, errand: Errand
    ) -> None:
        shown = self.upload(api(bob), errand, jpeg()).json()
        path = f"/api/v1/errands/{errand.pk}/photos"
        for party in (alice, bob):
            assert api(party).get(path).json() == [shown]
        problem(api(charlie).get(path), 404, "not_found")

    def test_strangers_add_none(self, charlie: User, api: Client, errand: Errand) -> None:
        problem(self.upload(api(charlie), errand, jpeg()), 404, "not_found")

    def test_none_after_the_end(self, alice: User, bob: User, api: Client, errand: Errand) -> None:
        Errand.objects.filter(pk=errand.pk).update(state=State.COMPLETED)
        problem(self.upload(api(bob), errand, jpeg()), 409, "illegal_move")

    def test_twenty_at_most(self, bob: User, api: Client, errand: Errand) -> None:
        for _ in range(20):
            make_photo(errand, bob, PhotoPurpose.PICKUP)
        problem(self.upload(api(bob), errand, jpeg()), 409, "too_many_photos")


class TestReviews:
    @pytest.fixture
    def done(self, alice: User, bob: User, now: dt.datetime) -> Errand:
        errand = walk(pay_for(make_errand(alice)), bob, State.DELIVERED)
        return errand_confirm(errand_id=errand.pk, requester=alice, now=now)

    def test_hidden_until_both_have_spoken(
        self, alice: User, bob: User, api: Client, done: Errand
    ) -> None:
        path = f"/api/v1/errands/{done.pk}/reviews"
        given = api(alice).post(path, {"stars": 5, "tags": ["빨라요"], "comment": "고마워요"})
        assert given.status_code == 201, given.content
        assert api(bob).get(path).json() == []
        assert api(alice).get(path).json()[0]["mine"] is True
        api(bob).post(path, {"stars": 4})
        assert [r["stars"] for r in api(bob).get(path).json()] == [5, 4]
        assert Review.objects.get(author=alice).subject == bob

    def test_shown_after_seven_days(
        self, alice: User, bob: User, api: Client, done: Errand, now: dt.datetime
    ) -> None:
        path = f"/api/v1/errands/{done.pk}/reviews"
        api(alice).post(path, {"stars": 2})
        Errand.objects.filter(pk=done.pk).update(ended_at=now - dt.timedelta(days=7))
        assert len(api(bob).get(path).json()) == 1

    def test_once_each_and_only_when_done(
        self, alice: User, charlie: User, api: Client, done: Errand
    ) -> None:
        path = f"/api/v1/errands/{done.pk}/reviews"
        api(alice).post(path, {"stars": 5})
        problem(api(alice).post(path, {"stars": 1}), 409, "already_reviewed")
        problem(api(charlie).post(path, {"stars": 1}), 404, "not_found")
        young = make_errand(alice)
        problem(
            api(alice).post(f"/api/v1/errands/{young.pk}/reviews", {"stars": 5}), 409, "not_ended"
        )
        assert Review.objects.count() == 1

    @pytest.mark.parametrize(
        "body", [{"stars": 0}, {"stars": 6}, {"stars": 5, "tags": ["a"] * 6}, {}]
    )
    def test_bad_input(self, alice: User, api: Client, done: Errand, body: dict[str, Any]) -> None:
        problem(api(alice).post(f"/api/v1/errands/{done.pk}/reviews", body), 400, "invalid")


def test_every_event_is_explained_to_both(alice: User, bob: User) -> None:
    errand = walk(pay_for(make_errand(alice)), bob, State.DELIVERED)
    assert ErrandEvent.objects.filter(errand=errand).count() == errand.version
