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
SHARED = (
    "DEBUG", "SANDBOX", "PUBLIC_URL", "SOCKETS_PORT", "DATABASE_URL", "REDIS_URL",
    "CELERY_BROKER_URL",
)  # fmt: skip
LAST_PORT = 65535
FALSE_WORDS = {"0", "false", "no", "off"}
# What must be stopped first stands last: robots, beat, workers, sockets, web, redis.
NAMES = ("redis", "web", "sockets", "worker", "beat", "robots")


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
    sockets_port: int
    robots: bool
    redis_url: str | None
    broker_url: str = ""

    @property
    def url(self) -> str:
        """Where a browser on this machine finds the site, without a closing slash."""
        return f"http://{self._here}:{self.port}"

    @property
    def sockets_url(self) -> str:
        """Where the same machine finds the WebSockets, for HTTP: a process says that it lives."""
        return f"http://{self._here}:{self.sockets_port}"

    @property
    def _here(self) -> str:
        host = "127.0.0.1" if self.host in {"0.0.0.0", "::"} else self.host  # noqa: S104
        return _bracketed(host)


def is_on(word: str) -> bool:
    """How a person writes "no": 0, false, no or off."""
    return word.lower() not in FALSE_WORDS


def plan_from(environ: Mapping[str, str], arguments: list[str]) -> Plan:
    """Raises BadPlan for a port that is none or an argument nobody knows."""
    unknown = set(arguments) - {"--no-robots"}
    if unknown:
        raise BadPlan(f"unknown argument {' '.join(sorted(unknown))}; there is only --no-robots")
    port = _port(environ, "PORT", default=8000)
    sockets_port = _port(
        environ, "SOCKETS_PORT", default=port + 1 if port < LAST_PORT else port - 1
    )
    if sockets_port == port:
        raise BadPlan(f"SOCKETS_PORT={port} is the port of the pages already")
    wanted = is_on(environ.get("ROBOTS", "1"))
    return Plan(
        host=environ.get("HOST") or "127.0.0.1",
        port=port,
        sockets_port=sockets_port,
        robots=wanted and "--no-robots" not in arguments,
        redis_url=environ.get("REDIS_URL") or None,
        broker_url=environ.get("CELERY_BROKER_URL") or "",
    )


def _port(environ: Mapping[str, str], name: str, *, default: int) -> int:
    given = environ.get(name) or str(default)
    if not (given.isdecimal() and 0 < int(given) <= LAST_PORT):
        raise BadPlan(f"{name}={given} is not a port between 1 and {LAST_PORT}")
    return int(given)


def child_environment(environ: Mapping[str, str], plan: Plan, *, redis_url: str) -> dict[str, str]:
    """What the children see: the caller's variables over our defaults for a bare machine."""
    return {
        "DEBUG": "true",
        "SANDBOX": "true",
        "PUBLIC_URL": plan.url,
        "PYTHONUNBUFFERED": "1",
        **environ,
        "SOCKETS_PORT": str(plan.sockets_port),
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
        ChildPlan(name="web", command=web_command(plan.host, plan.port), grace=12),
        ChildPlan(name="sockets", command=sockets_command(plan.host, plan.sockets_port), grace=8),
        *_workers(plan),
        ChildPlan(name="beat", command=beat_command(VAR)),
    ]
    return [*plans, ChildPlan(name="robots", command=_robots(plan))] if plan.robots else plans


def web_command(host: str, port: int) -> tuple[str, ...]:
    """REST, pages and the admin."""
    listen = ("--config", "deploy/gunicorn_conf.py", "--bind", f"{_bracketed(host)}:{port}")
    return (sys.executable, "-m", "gunicorn", *listen, "balrottuieo.wsgi")


def sockets_command(host: str, port: int) -> tuple[str, ...]:
    """The WebSockets; further processes on the same port with ``--workers``."""
    listen = ("--host", host, "--port", str(port))
    sockets = ("--ws", "balrottuieo.websocket:ImpatientWebSocket", "--ws-max-size", "65536")
    ending = ("--timeout-graceful-shutdown", "5", "--no-access-log", "--log-level", "warning")
    loop = ("--loop", "uvloop", "--lifespan", "off")
    application = "balrottuieo.asgi:application"
    return (sys.executable, "-m", "uvicorn", *listen, *sockets, *ending, *loop, application)


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


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


def beat_command(directory: Path) -> tuple[str, ...]:
    """The command line of the clock, which remembers in ``directory`` what it started when."""
    return _celery("beat", "-s", str(directory / "beat-schedule"), "--pidfile=")


def _celery(*command: str) -> tuple[str, ...]:
    # In a container everybody is root, and Celery would say so in eight lines at each start.
    warnings = ("-W", "ignore:You're running")
    celery = (sys.executable, *warnings, "-m", "celery", "--quiet", "-A", "balrottuieo")
    return (*celery, *command, "--loglevel", "warning")


def _robots(plan: Plan) -> tuple[str, ...]:
    scale = ("--runners", "12", "--errands", "0", "--speed", "20", "--minutes", "0")
    return manage("simulate", "--url", plan.url, *scale)
