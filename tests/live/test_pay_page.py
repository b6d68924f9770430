"""Paying in a real Chromium, through the window of a Toss-compatible company."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from django.conf import settings
from playwright.sync_api import Browser, Page, expect, sync_playwright

from accounts.models import User
from payments import escrow
from payments.models import Payment, PaymentState
from tests.live.test_pages import WIDTHS, Watched, elsewhere
from tests.live.web_server import WebServer
from tests.toss.company import SECRET_KEY
from tests.toss.server import TossServer, toss_server

pytestmark = [pytest.mark.live, pytest.mark.django_db(transaction=True)]

AMOUNT = 12_300
Visit = Callable[..., Watched]


@contextmanager
def web(**variables: str) -> Iterator[WebServer]:
    server = WebServer(**variables)
    server.variables["PUBLIC_URL"] = server.url
    with server:
        yield server


@pytest.fixture(scope="module")
def company() -> Iterator[TossServer]:
    with toss_server() as server:
        yield server


@pytest.fixture(scope="module")
def shop(django_db_setup: None, company: TossServer) -> Iterator[WebServer]:
    """Our web server, which pays through that company."""
    with web(
        PAYMENT_GATEWAY="payments.gateways.toss.TossGateway",
        TOSS_URL=company.url,
        TOSS_SECRET_KEY=SECRET_KEY,
        TOSS_CLIENT_KEY="test_ck_of_our_own_server",
        TOSS_SDK_URL=f"{company.url}/v2/standard",
        TOSS_ORIGINS=company.url,
    ) as server:
        yield server


@pytest.fixture
def order(alice: User, now: dt.datetime) -> Payment:
    return escrow.order_create(
        reference="thing:1", subject="thing:1", payer=alice, amount=AMOUNT, now=now,
        name="배달 심부름",
    )  # fmt: skip


@pytest.fixture
def path(order: Payment, alice: User, now: dt.datetime) -> str:
    found = escrow.checkout_of(order_id=order.order_id, payer=alice, now=now)
    return found.address().removeprefix(settings.PUBLIC_URL)


@pytest.fixture
def chromium(path: str) -> Iterator[Browser]:
    """Started last, closed first: no database work on this thread in between."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path="/usr/bin/chromium", args=["--no-sandbox", "--disable-gpu"]
        )
        yield browser
        browser.close()


@pytest.fixture
def visit(chromium: Browser) -> Visit:
    def open_page(server: WebServer, path: str, *, width: int = 390, lang: str = "ko") -> Watched:
        context = chromium.new_context(viewport={"width": width, "height": 844})
        cookie = {"name": settings.LANGUAGE_COOKIE_NAME, "value": lang, "url": server.url}
        context.add_cookies([cookie])  # type: ignore[list-item]
        watched = Watched(context, server.url)
        watched.page.goto(server.url + path)
        return watched

    return open_page


def agree(page: Page, how: str = "agree") -> None:
    """Press the button of our page, and a link of the company's window."""
    page.locator("#pay button").click()
    page.locator(f"#{how}").click()


def now_of(order: Payment) -> Payment:
    return elsewhere(lambda: Payment.objects.get(pk=order.pk))


def state_of(order: Payment) -> str:
    return now_of(order).state


@pytest.mark.parametrize("width", WIDTHS)
def test_a_payer_pays_in_the_companys_window(
    visit: Visit, shop: WebServer, company: TossServer, order: Payment, path: str, width: int
) -> None:
    watched = visit(shop, path, width=width)
    page = watched.page
    expect(page.locator(".amount")).to_have_text("₩12,300")
    assert watched.overflow() == 0
    agree(page)
    expect(page.locator("h2")).to_have_text("결제가 끝났어요")
    assert (watched.overflow(), watched.complaints) == (0, [])
    assert state_of(order) == PaymentState.DONE
    page.reload()
    page.go_back()
    page.locator("#agree").click()  # to a second payment of the same order
    expect(page.locator("h2")).to_have_text("결제가 끝났어요")
    assert company.company.holds(order.order_id) == AMOUNT


def test_the_chosen_means_reach_the_window(
    visit: Visit, shop: WebServer, company: TossServer, order: Payment, path: str
) -> None:
    page = visit(shop, path).page
    page.locator('[value="TRANSFER"]').check()
    agree(page)
    expect(page.locator("h2")).to_have_text("결제가 끝났어요")
    assert company.company.payments[now_of(order).payment_key]["method"] == "계좌이체"


@pytest.mark.parametrize(
    ("how", "words"), [("cancel", "결제를 취소하셨어요"), ("refused", "한도를 넘었거나")]
)
def test_what_did_not_work_is_explained_and_tried_again(
    visit: Visit, shop: WebServer, order: Payment, path: str, how: str, words: str
) -> None:
    watched = visit(shop, path)
    agree(watched.page, how)
    expect(watched.page.locator(".act")).to_contain_text(words)
    assert (watched.overflow(), watched.complaints) == (0, [])
    assert state_of(order) == PaymentState.READY
    watched.page.get_by_text("다시 시도하기").click()
    agree(watched.page)
    expect(watched.page.locator("h2")).to_have_text("결제가 끝났어요")


def test_a_script_of_anybody_else_does_not_run(visit: Visit, shop: WebServer, path: str) -> None:
    page = visit(shop, path).page
    page.evaluate(
        """() => {
            const inline = document.createElement("script");
            inline.textContent = "window.stolen = true";
            document.body.append(inline);
        }"""
    )
    assert page.evaluate("window.stolen") is None
    assert page.evaluate("typeof window.TossPayments") == "function"  # the control


def test_a_window_that_does_not_load_says_so(
    visit: Visit, shop: WebServer, order: Payment, path: str
) -> None:
    watched = visit(shop, path, lang="en")
    watched.page.route("**/v2/standard", lambda route: route.abort())
    watched.page.reload()
    watched.page.locator("#pay button").click()
    expect(watched.page.locator("#trouble")).to_have_text(
        "The payment window did not open. Please try again."
    )
    expect(watched.page.locator("#pay button")).to_be_enabled()
    assert state_of(order) == PaymentState.READY


@pytest.mark.parametrize("width", WIDTHS)
def test_the_sandbox_asks_no_other_server(
    visit: Visit, order: Payment, path: str, width: int
) -> None:
    with web() as server:
        watched = visit(server, path, width=width)
        watched.page.get_by_text("거절되는 카드로 해 보기").click()
        expect(watched.page.locator("h2")).to_have_text("결제되지 않았어요")
        watched.page.get_by_text("다시 시도하기").click()
        watched.page.get_by_text("₩12,300 결제하기").click()
        expect(watched.page.locator("h2")).to_have_text("결제가 끝났어요")
        assert (watched.overflow(), watched.complaints, watched.strangers) == (0, [], [])
    assert state_of(order) == PaymentState.DONE
