"""The pages in a real Chromium, served as `make run` does, fed through the real channel."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import TypeVar
from uuid import UUID

import pytest
from django.conf import settings
from django.db import connections
from django.test import Client
from playwright.sync_api import Browser, BrowserContext, Page, Request, expect, sync_playwright

from accounts.models import User
from common import clock
from common.geo import Point
from common.progress import Progress
from dispatch import services as dispatch_services
from dispatch.policy import Fix
from errands import services
from errands.models import Errand
from errands.states import State
from payments import ledger
from payments.models import Difference, Payment, Payout, PayoutBatch, Transfer
from payments.services import reconcile
from tests.conftest import PICKUP, make_errand, pay_for, walk
from tests.live.web_server import Site, serving
from tests.payments.paid import approved, make_checker, requested, settled, with_account

pytestmark = [pytest.mark.live, pytest.mark.django_db(transaction=True)]

WIDTHS = (390, 1280)
WAIT_MS = 20_000
BATCHES = "payoutbatch"
FORM = "document.querySelector('[data-progress]').closest('form')"
FILING = "%3Fmonth=2026-11%26kind=xlsx"
BEYOND = """[...document.querySelectorAll("main *, #main *")]
  .filter(part => !part.children.length && part.textContent.trim()
    && part.checkVisibility({visibilityProperty: true})
    && part.getBoundingClientRect().right > innerWidth + 1)
  .map(part => part.textContent.trim())"""
Result = TypeVar("Result")


def elsewhere(work: Callable[[], Result]) -> Result:
    """Run Django's code on a thread of its own: the browser's event loop sits on this one."""

    def closing() -> Result:
        try:
            return work()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(1) as pool:
        return pool.submit(closing).result()


@pytest.fixture(scope="module")
def site(django_db_setup: None) -> Iterator[Site]:
    """The same for all: they see what each test commits."""
    with serving() as servers:
        yield servers


@pytest.fixture
def carried(alice: User, bob: User) -> Errand:
    """Bob has alice's umbrella and stands at the pickup."""
    errand = walk(pay_for(make_errand(alice)), bob, State.PICKED_UP)
    report(bob, PICKUP, seconds_ago=60)
    return errand


@pytest.fixture
def staff_cookie(dana: User) -> str:
    client = Client()
    client.force_login(dana)
    return client.cookies[settings.SESSION_COOKIE_NAME].value


@pytest.fixture
def chromium(carried: Errand, staff_cookie: str) -> Iterator[Browser]:
    """Started last, closed first: no database work on this thread in between."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path="/usr/bin/chromium", args=["--no-sandbox", "--disable-gpu"]
        )
        yield browser
        browser.close()


class Watched:
    """A page, what its console complained about, and which other hosts it asked."""

    def __init__(self, context: BrowserContext, home: str) -> None:
        self.page: Page = context.new_page()
        self.complaints: list[str] = []
        self.strangers: list[str] = []
        self._home = home
        self.page.on("console", lambda said: self._said(said.type, said.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", lambda request: self._asked(request.url))
        self.page.on("requestfailed", self._failed)

    def overflow(self) -> int:
        """CSS pixels by which the page is wider than its window."""
        wide = self.page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        return max(0, int(wide))

    def cut(self) -> list[str]:
        """Texts that reach beyond the window, in a part of the page that may hide it."""
        return list(self.page.evaluate(BEYOND))

    def _said(self, kind: str, text: str) -> None:
        if kind in {"error", "warning"}:
            self.complaints.append(text)

    def _asked(self, url: str) -> None:
        if not url.startswith((self._home, "data:", "blob:")):
            self.strangers.append(url)

    def _failed(self, request: Request) -> None:
        # Wished for by a script, but forbidden by the page: nothing left the browser.
        if request.failure == "csp":
            self.strangers.remove(request.url)


@pytest.fixture
def visit(site: Site, chromium: Browser, staff_cookie: str) -> Callable[..., Watched]:
    def open_page(path: str, *, width: int = 1280, language: str = "ko") -> Watched:
        context = chromium.new_context(
            viewport={"width": width, "height": 844}, reduced_motion="reduce"
        )
        context.set_default_timeout(WAIT_MS)
        cookies = {
            settings.LANGUAGE_COOKIE_NAME: language,
            settings.SESSION_COOKIE_NAME: staff_cookie,
        }
        context.add_cookies(
            [{"name": name, "value": value, "url": site.web.url} for name, value in cookies.items()]
        )
        watched = Watched(context, site.web.url)
        watched.page.goto(site.web.url + path)
        return watched

    return open_page


def report(runner: User, where: Point, *, seconds_ago: float = 0) -> None:
    """As the runner's phone does, so that everybody who watches hears of it."""
    report_all(runner, [where], seconds_ago=seconds_ago)


def report_all(runner: User, way: Sequence[Point], *, seconds_ago: float = 0) -> None:
    """A batch: one reading a second."""
    now = clock.now()
    end = now - timedelta(seconds=seconds_ago)
    fixes = [
        Fix(place.lat, place.lng, accuracy=5.0, recorded_at=end - timedelta(seconds=ago))
        for ago, place in enumerate(reversed(way))
    ]
    send = dispatch_services.positions_report
    done = elsewhere(lambda: send(user=runner, points=fixes[::-1], now=now))
    assert done.kept == len(way)


def arrive(errand: Errand) -> None:
    """Bob reaches the destination."""
    assert errand.runner
    assert errand.dropoff
    services.errand_arrive(
        errand_id=errand.pk, runner=errand.runner, position=errand.dropoff, reason="",
        now=clock.now(),
    )  # fmt: skip


def marker_at(page: Page) -> tuple[float, float]:
    box = page.locator(".runner-marker").first.bounding_box()
    assert box
    return box["x"], box["y"]


# The way that is drawn, in pixels: `M1 2L3 4…`.
LINE = "document.querySelector('.walked-core').getAttribute('d')"


def track_page(errand: Errand) -> str:
    return f"/t/{errand.tracking_token}"


@pytest.mark.parametrize("width", WIDTHS)
def test_every_page_fits_and_nothing_complains(
    visit: Callable[..., Watched], carried: Errand, width: int
) -> None:
    seen = {
        "/": "h1 em",
        track_page(carried): '[data-field="lamp"][data-state="open"]',
        "/admin/live-map/": '[data-field="status"][data-state="open"]',
        "/admin/finance/": ".flows td",
    }
    for path, landmark in seen.items():
        watched = visit(path, width=width)
        watched.page.wait_for_selector(landmark)
        assert (watched.overflow(), watched.complaints, watched.strangers) == (0, [], []), path


@pytest.fixture
def batch(charlie: User, dana: User, now: dt.datetime) -> PayoutBatch:
    """Two payouts that the bank has paid."""
    with_account(charlie, now)
    for amount in (10_000, 33_333):
        requested(charlie, amount, now)
    made = approved(dana, make_checker(), now)
    settled(made, dana, now)
    return made


@pytest.fixture
def money_pages(batch: PayoutBatch, alice: User, dana: User, now: dt.datetime) -> list[str]:
    """Those of finance that have long numbers, or a file."""
    gone = pay_for(make_errand(alice))
    services.errand_cancel(errand_id=gone.pk, requester=alice, note="", now=clock.now())
    terms = services.terms_write(
        valid_from=now + timedelta(days=9), commission_percent=9, by=dana, now=now
    )
    moves = [(ledger.GATEWAY, -1_000), (ledger.escrow_account(f"errand:{batch.pk}"), 1_000)]
    ledger.post(reference="hold:x", kind="hold", subject=f"errand:{batch.pk}", moves=moves)
    reconcile(now=now + timedelta(minutes=5))
    rows = {
        "difference": Difference.objects.get().pk,
        "payoutbatch": batch.pk,
        "payout": Payout.objects.latest("id").pk,
        "payment": Payment.objects.get(reference=gone.reference).pk,
        "transfer": Transfer.objects.filter(subject=gone.reference).latest("id").pk,
    }
    changes = [f"{name}/{key}/change" for name, key in rows.items()]
    bring = f"{BATCHES}/{batch.pk}/import"
    others = ["refund", "staffrefund", "bankaccount"]
    return [
        *(f"/admin/payments/{page}/" for page in (*rows, *others, *changes, bring)),
        "/admin/errands/terms/",
        f"/admin/errands/terms/{terms.pk}/change/",
    ]


@pytest.mark.parametrize("width", WIDTHS)
def test_the_pages_of_finance_fit(
    money_pages: list[str], visit: Callable[..., Watched], width: int
) -> None:
    for path in money_pages:
        watched = visit(path, width=width)
        watched.page.wait_for_load_state("networkidle")
        assert (watched.overflow(), watched.complaints, watched.strangers) == (0, [], []), path
        assert watched.cut() == [], path


def test_a_bar_shows_how_far_a_file_is(batch: PayoutBatch, visit: Callable[..., Watched]) -> None:
    page = visit(f"/admin/payments/{BATCHES}/{batch.pk}/import/").page
    page.evaluate(f"{FORM}.addEventListener('submit', event => event.preventDefault())")
    upload = {"name": "result.csv", "mimeType": "text/csv", "buffer": b"x"}
    page.set_input_files("input[type=file]", upload)  # type: ignore[arg-type]
    page.get_by_role("button", name="결과 가져오기").click()
    token = page.get_attribute("input[name=token]", "value")
    assert token
    elsewhere(lambda: Progress(UUID(token))(42, 100))
    expect(page.locator("[data-progress] output")).to_have_text("42%")


def test_a_file_is_handed_over_when_it_is_written(
    batch: PayoutBatch, visit: Callable[..., Watched]
) -> None:
    page = visit(f"/admin/payments/{BATCHES}/").page
    home = page.url
    with page.expect_download() as download:
        page.goto(f"{home}writing/?file=/admin/payments/{BATCHES}/filing/file/{FILING}")
    assert download.value.suggested_filename.endswith(".xlsx")
    expect(page.locator("[data-progress] output")).to_have_text("100%")


@pytest.mark.parametrize(
    ("path", "landmark"),
    [("/api/docs/", ".swagger-ui .opblock"), ("/api/redoc/", ".redoc-wrap h1")],
)
def test_the_documents_ask_no_other_server(
    visit: Callable[..., Watched], path: str, landmark: str
) -> None:
    watched = visit(path)
    watched.page.wait_for_selector(landmark)
    watched.page.wait_for_load_state("networkidle")
    assert watched.strangers == []


@pytest.mark.parametrize("width", WIDTHS)
def test_a_lost_link_says_so_in_korean(visit: Callable[..., Watched], width: int) -> None:
    watched = visit("/t/nobody-knows-this", width=width)
    expect(watched.page.locator("h1")).to_contain_text("추적 링크")
    assert watched.overflow() == 0


def test_the_runner_moves_when_a_position_arrives(
    visit: Callable[..., Watched], carried: Errand, bob: User
) -> None:
    page = visit(track_page(carried)).page
    page.wait_for_selector('[data-field="lamp"][data-state="open"]')
    page.wait_for_selector(".runner-marker")
    before = marker_at(page)
    eta = page.locator('[data-field="eta-minutes"]')
    expect(eta).to_have_text("약 8분")
    report(bob, Point(PICKUP.lat + 0.0016, PICKUP.lng + 0.0011))
    expect(eta).to_have_text("약 4분")
    after = marker_at(page)
    assert after[0] > before[0]
    assert after[1] < before[1]


def test_a_phone_that_was_offline_walks_round_the_corner(
    visit: Callable[..., Watched], carried: Errand, bob: User
) -> None:
    page = visit(track_page(carried)).page
    page.wait_for_selector('[data-field="lamp"][data-state="open"]')
    north = [Point(PICKUP.lat + 0.00006 * step, PICKUP.lng) for step in range(14)]
    east = [Point(north[-1].lat, PICKUP.lng + 0.00008 * step) for step in range(1, 15)]
    report_all(bob, north + east)
    page.wait_for_function(f"() => {LINE}.includes('L')")
    drawn = [tuple(map(int, place.split())) for place in page.evaluate(LINE)[1:].split("L")]
    (left, _), (_, top) = drawn[0], drawn[-1]
    assert drawn[-1][0] - left > 20  # pixels: it went east
    # Straight from the first to the last would leave the corner out.
    assert min(abs(x - left) + abs(y - top) for x, y in drawn) <= 4


def test_a_move_of_the_errand_changes_the_words(
    visit: Callable[..., Watched], carried: Errand
) -> None:
    page = visit(track_page(carried), language="en").page
    page.wait_for_selector('[data-field="lamp"][data-state="open"]')
    expect(page.locator("h1")).to_have_text("Picked up")
    elsewhere(lambda: arrive(carried))
    expect(page.locator("h1")).to_have_text("Runner at the destination")
    expect(page.locator('[aria-current="step"]')).to_contain_text("Runner at the destination")


def test_a_page_that_lost_its_server_comes_back_with_what_it_missed(
    visit: Callable[..., Watched], site: Site, carried: Errand
) -> None:
    page = visit(track_page(carried), language="en").page
    lamp = page.locator('[data-field="lamp"]')
    expect(lamp).to_have_attribute("data-state", "open")
    site.kill()
    expect(lamp).to_have_attribute("data-state", "lost")
    elsewhere(lambda: arrive(carried))
    site.start()
    expect(page.locator("h1")).to_have_text("Runner at the destination", timeout=WAIT_MS)
    expect(lamp).to_have_attribute("data-state", "open", timeout=WAIT_MS)


def test_without_sockets_the_page_asks_again(
    visit: Callable[..., Watched], carried: Errand
) -> None:
    watched = visit("/", language="en")
    watched.page.route_web_socket("**/ws/**", lambda socket: socket.close())
    watched.page.goto(watched.page.url.rstrip("/") + track_page(carried))
    expect(watched.page.locator("h1")).to_have_text("Picked up")
    elsewhere(lambda: arrive(carried))
    expect(watched.page.locator("h1")).to_have_text("Runner at the destination", timeout=WAIT_MS)


def test_staff_see_everyone_and_choose_from_the_list(
    visit: Callable[..., Watched], carried: Errand, bob: User
) -> None:
    page = visit("/admin/live-map/", language="en").page
    expect(page.locator(".runner-marker")).to_have_count(1)
    expect(page.locator(".place-marker")).to_have_count(2)
    expect(page.locator("path.leg")).to_have_count(1)
    page.locator('[data-field="list"] button').click()
    link = page.locator(".leaflet-popup-content a")
    expect(link).to_have_attribute("href", f"/admin/errands/errand/{carried.pk}/change/")
    page.locator('[data-list="runners"]').click()
    expect(page.locator('[data-field="list"] button')).to_contain_text(bob.pk.hex[-6:])


def test_staff_filter_errands_by_state(visit: Callable[..., Watched]) -> None:
    page = visit("/admin/live-map/").page
    expect(page.locator(".place-marker")).to_have_count(2)
    page.locator('[data-tone="carry"]').uncheck()
    expect(page.locator(".place-marker")).to_have_count(0)
    expect(page.locator('[data-field="nothing"]')).to_be_visible()


def test_a_runner_walks_on_the_staff_map(visit: Callable[..., Watched], bob: User) -> None:
    page = visit("/admin/live-map/").page
    page.wait_for_selector(".runner-marker")
    before = marker_at(page)
    report(bob, Point(PICKUP.lat, PICKUP.lng + 0.002))
    page.wait_for_function(
        "x => document.querySelector('.runner-marker').getBoundingClientRect().x > x + 2",
        arg=before[0],
    )


def test_the_staff_map_says_plainly_when_it_is_old(
    visit: Callable[..., Watched], site: Site
) -> None:
    page = visit("/admin/live-map/", language="en").page
    status = page.locator('[data-field="status"]')
    expect(status).to_have_attribute("data-state", "open")
    site.kill()
    expect(status).to_contain_text("Connection lost", timeout=WAIT_MS)
    site.start()
    expect(status).to_have_attribute("data-state", "open", timeout=2 * WAIT_MS)
