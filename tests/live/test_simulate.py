"""Robots on the whole running product: a quiet run, and one in which its parts are killed."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pytest

from tests.live.product import Product, copy_of_the_checkout, environment
from tests.services import wait_for

pytestmark = [pytest.mark.live, pytest.mark.timeout(300)]
READY = "Stop with Ctrl-C."


class Robots:
    """``manage.py simulate`` as a child process; ends with the ``with`` block."""

    def __init__(self, checkout: Path, product: Product, *options: str) -> None:
        size = ("--runners", "10", "--errands", "15", "--speed", "120", "--minutes", "3")
        self._process = subprocess.Popen(
            (sys.executable, "manage.py", "simulate", "--json", "--base-url", product.url,
             *size, *options),
            cwd=checkout,
            env=environment(DEBUG="true", SANDBOX="true"),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )  # fmt: skip
        self.told = ""
        self.summary: dict[str, Any] = {}
        self._readers = [threading.Thread(target=self._listen), threading.Thread(target=self._read)]
        for reader in self._readers:
            reader.start()

    def reach(self, state: str, *, seconds: float = 90) -> None:
        """Wait until the progress names an errand in ``state``."""
        named = re.compile(rf"· (?:{state}) \d")
        wait_for(lambda: bool(named.search(self.told)), what=f"{state} errands", seconds=seconds)

    def ended(self) -> int:
        code = self._process.wait(240)
        for reader in self._readers:
            reader.join(10)
        return code

    def stop(self) -> int:
        self._process.send_signal(signal.SIGTERM)
        return self.ended()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._process.poll() is None:
            self._process.kill()
            self.ended()
        for stream in (self._process.stdout, self._process.stderr):
            if stream is not None:
                stream.close()

    def _listen(self) -> None:
        for line in self._process.stderr or ():
            self.told += line

    def _read(self) -> None:
        text = self._process.stdout.read() if self._process.stdout else ""
        self.summary = json.loads(text) if text.startswith("{") else {}


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copy_of_the_checkout(tmp_path_factory.mktemp("robots") / "checkout")


def assert_good(robots: Robots, code: int) -> None:
    told = f"{robots.summary}\n{robots.told}"
    assert code == 0, told
    assert robots.summary["failed"] == [], told
    assert robots.summary["audit"]["clean"], told
    assert robots.summary["audit"]["errands"] >= 15
    assert robots.summary["still_live"] == 0


def test_robots_do_their_errands_and_everything_explains_itself(checkout: Path) -> None:
    with Product(checkout) as product:
        product.said(READY)
        with Robots(checkout, product, "--seed", "3") as robots:
            code = robots.ended()
        assert_good(robots, code)
        assert robots.summary["posted"] == 15
        assert robots.summary["matched_percent"] >= 90
        assert robots.summary["positions"]["sent"] > 100
        assert robots.summary["seconds_to_match"]["p90"] is not None

        with Robots(checkout, product, "--seed", "3", "--errands", "0") as again:
            again.reach("assigned")
            assert again.stop() == 0
        assert again.summary["failed"] == [], again.told
        assert again.summary["posted"] > 0


def redis_of(product: Product) -> int:
    (pid,) = (pid for pid, command in product.children().items() if "redis-server" in command)
    return pid


def test_nobody_is_lost_when_the_worker_and_redis_are_killed(checkout: Path) -> None:
    with Product(checkout) as product:
        product.said(READY)
        with Robots(checkout, product, "--seed", "5") as robots:
            robots.reach("assigned|at_pickup|picked_up")
            os.kill(product.child("worker"), signal.SIGKILL)
            product.said("worker is started again")
            os.kill(redis_of(product), signal.SIGKILL)
            product.said("redis is started again")
            code = robots.ended()
        assert_good(robots, code)
        assert robots.summary["reconnects"] > 0
