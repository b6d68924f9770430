"""What will run: read from the environment once, before anything starts."""

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from balrottuieo.queues import LANES
from common.broker.topology import is_amqp

ROOT = Path(__file__).resolve().parents[2]
VAR = ROOT / "var"
RUN_ENV = VAR / "run.env"
SHARED = ("DEBUG", "SANDBOX", "PUBLIC_URL", "DATABASE_URL", "REDIS_URL", "CELERY_BROKER_URL")
FALSE_WORDS = {"0", "false", "no", "off"}
# What must be stopped first stands last: robots, beat, workers, web, redis.
NAMES = ("redis", "web", "worker", "beat", "robots")


class BadPlan(Exception):
    """The environment or the machine does not allow a start; the text says why."""


@dataclass(frozen=True, kw_only=True)
class ChildPlan:
    """One child: its command, and the seconds it gets between SIGTERM and SIGKILL."""

    name: str
    command: tuple[str, ...]
    grace: float = 5.0


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Where to listen and what to start. `redis_url` is None when we bring our own Redis."""

    host: str
    port: int
    robots: bool
    redis_url: str | None
    broker_url: str = ""

    @property
    def url(self) -> str:
        """Where a browser on this machine finds the site, without a closing slash."""
        host = "127.0.0.1" if self.host in {"0.0.0.0", "::"} else self.host  # noqa: S104
        return f"http://[{host}]:{self.port}" if ":" in host else f"http://{host}:{self.port}"


def is_on(word: str) -> bool:
    """How a person writes "no": 0, false, no or off."""
    return word.lower() not in FALSE_WORDS


def plan_from(environ: Mapping[str, str], arguments: list[str]) -> Plan:
    """Raises BadPlan for a PORT that is no port or an argument nobody knows."""
    unknown = set(arguments) - {"--no-robots"}
    if unknown:
        raise BadPlan(f"unknown argument {' '.join(sorted(unknown))}; there is only --no-robots")
    port = environ.get("PORT") or "8000"
    if not (port.isdecimal() and 0 < int(port) < 65536):
        raise BadPlan(f"PORT={port} is not a port between 1 and 65535")
    wanted = is_on(environ.get("ROBOTS", "1"))
    return Plan(
        host=environ.get("HOST") or "127.0.0.1",
        port=int(port),
        robots=wanted and "--no-robots" not in arguments,
        redis_url=environ.get("REDIS_URL") or None,
        broker_url=environ.get("CELERY_BROKER_URL") or "",
    )


def child_environment(environ: Mapping[str, str], plan: Plan, *, redis_url: str) -> dict[str, str]:
    """What the children see: the caller's variables over our defaults for a bare machine."""
    return {
        "DEBUG": "true",
        "SANDBOX": "true",
        "PUBLIC_URL": plan.url,
        "PYTHONUNBUFFERED": "1",
        **environ,
        "REDIS_URL": redis_url,
        "DJANGO_SETTINGS_MODULE": "balrottuieo.settings",
    }


def shared_lines(environment: Mapping[str, str]) -> str:
    """What a `manage.py` beside us must know to meet the same database and Redis."""
    found = {name: environment[name] for name in SHARED if name in environment}
    return "".join(f"{name}={json.dumps(value)}\n" for name, value in found.items())


def manage(*arguments: str) -> tuple[str, ...]:
    """The command line of one management command."""
    return (sys.executable, str(ROOT / "manage.py"), *arguments)


def child_plans(plan: Plan) -> list[ChildPlan]:
    """Everything but Redis, in starting order."""
    plans = [
        ChildPlan(name="web", command=_web(plan), grace=8),
        *_workers(plan),
        ChildPlan(
            name="beat", command=_celery("beat", "-s", str(VAR / "beat-schedule"), "--pidfile=")
        ),
    ]
    return [*plans, ChildPlan(name="robots", command=_robots(plan))] if plan.robots else plans


def _web(plan: Plan) -> tuple[str, ...]:
    listen = ("--host", plan.host, "--port", str(plan.port))
    sockets = ("--ws", "balrottuieo.websocket:ImpatientWebSocket", "--ws-max-size", "65536")
    ending = ("--timeout-graceful-shutdown", "5", "--no-access-log", "--log-level", "warning")
    application = ("balrottuieo.asgi:application", "--lifespan", "off")
    return (sys.executable, "-m", "uvicorn", *application, *listen, *sockets, *ending)


def _workers(plan: Plan) -> list[ChildPlan]:
    """One for everything; with RabbitMQ one a queue, so that none waits behind another."""
    if not is_amqp(plan.broker_url):
        return [ChildPlan(name="worker", command=worker_command(), grace=8)]
    return [ChildPlan(name=lane, command=worker_command(lane), grace=8) for lane in LANES]


def worker_command(name: str = "") -> tuple[str, ...]:
    """The command line of a worker of one queue, or of all of them."""
    if not name:
        return _celery("worker", "-P", "threads", "-c", "2")
    lane = LANES[name]
    takes = ("-c", str(lane.threads), "--prefetch-multiplier", str(lane.multiplier))
    return _celery("worker", "-P", "threads", "-n", f"{name}@%h", "-Q", name, *takes)


def _celery(*command: str) -> tuple[str, ...]:
    # In a container everybody is root, and Celery would say so in eight lines at each start.
    warnings = ("-W", "ignore:You're running")
    celery = (sys.executable, *warnings, "-m", "celery", "--quiet", "-A", "balrottuieo")
    return (*celery, *command, "--loglevel", "warning")


def _robots(plan: Plan) -> tuple[str, ...]:
    scale = ("--runners", "12", "--errands", "0", "--speed", "20", "--minutes", "0")
    return manage("simulate", "--url", plan.url, *scale)
