"""`make run` as a newcomer meets it: started, hurt, stopped, started again."""

from __future__ import annotations

import os
import signal
import socket
from pathlib import Path

import httpx
import pytest

from tests.live.product import Product, alive, copy_of_the_checkout
from tests.services import wait_for

# A start takes seconds, but many programs share the machine: each test starts few times.
pytestmark = [pytest.mark.live, pytest.mark.once, pytest.mark.timeout(300)]
READY = "Stop with Ctrl-C."


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copy_of_the_checkout(tmp_path_factory.mktemp("run") / "checkout")


def answers(url: str) -> bool:
    return httpx.get(url, timeout=5, trust_env=False).status_code == 200


def redis_of(product: Product) -> tuple[int, str]:
    """Its process id, and its command line: Redis shows its address there."""
    ((pid, command),) = (
        (pid, command) for pid, command in product.children().items() if "redis-server" in command
    )
    return pid, command.strip()


def kill_the_worker(product: Product) -> None:
    before = product.child("worker")
    os.kill(before, signal.SIGKILL)
    product.said("worker was killed by SIGKILL: starting it again in 1 s")
    product.said("worker is started again")
    assert product.child("worker") != before


def kill_redis(product: Product) -> None:
    before, address = redis_of(product)
    os.kill(before, signal.SIGKILL)
    product.said("redis is started again")
    wait_for(lambda: redis_of(product)[1] == address, what=f"{address} again")
    assert redis_of(product)[0] != before


def test_it_starts_mends_itself_and_stops_without_a_trace(checkout: Path) -> None:
    with Product(checkout) as product:
        product.said(READY)
        for place in ("/", "/admin/live-map/", "/api/docs/", "/api/redoc/"):
            assert f"{product.url}{place} " in product.printed
        kill_the_worker(product)
        kill_redis(product)
        assert answers(f"{product.url}/health/live")
        assert answers(f"{product.sockets_url.replace('ws', 'http', 1)}/health/live")

        with Product(checkout) as second:
            assert second.ended() == 1
            assert f"already running: {product.url}/" in second.printed

        children = list(product.children())
        assert len(children) == 5
        assert product.send(signal.SIGINT) == 0
        assert not [pid for pid in children if alive(pid)]
        assert "nothing is left running" in product.printed


def test_a_taken_port_is_named_before_anything_starts(checkout: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = int(other.getsockname()[1])
        with Product(checkout, port=port) as product:
            assert product.ended() == 1
    assert f"port {port} is taken by another program; PORT={port + 1} make run" in product.printed
    assert len(product.lines) == 1


def files_in(directory: Path) -> set[Path]:
    return {path.relative_to(directory) for path in directory.rglob("*") if path.is_file()}


def test_even_killed_it_leaves_no_process_and_no_file_outside_var(checkout: Path) -> None:
    before = files_in(checkout)
    with Product(checkout) as product:
        product.said(READY)
        children = list(product.children())
        assert product.send(signal.SIGKILL) == -signal.SIGKILL
        wait_for(lambda: not any(map(alive, children)), what="the end of the children", seconds=10)
    new = files_in(checkout) - before
    assert not [path for path in new if path.parts[0] != "var" and path.suffix != ".pyc"]


def test_it_stops_on_sigterm_while_it_is_still_preparing(checkout: Path) -> None:
    with Product(checkout) as product:
        product.said("preparing the database")
        assert product.send(signal.SIGTERM) == 0
        assert READY not in product.printed


def test_a_broken_setting_is_shown_and_ends_the_start(checkout: Path) -> None:
    with Product(checkout, variables={"SANDBOX": "maybe"}) as product:
        assert product.ended() == 1
    assert "manage.py migrate ended with exit code 1" in product.printed
    assert "SANDBOX" in product.printed
