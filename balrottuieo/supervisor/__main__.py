"""Start everything, say where to look, keep it alive, stop it cleanly."""

import http.client
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path
from types import FrameType

from dotenv import load_dotenv

from balrottuieo.supervisor.children import Child, describe_exit, die_with_parent, kill_group
from balrottuieo.supervisor.console import Console, welcome
from balrottuieo.supervisor.embedded_redis import (
    RedisMissing,
    free_port,
    redis_answers,
    redis_binary,
    redis_command,
)
from balrottuieo.supervisor.guards import only_one_here, require_free_ports
from balrottuieo.supervisor.plan import (
    ROOT,
    RUN_ENV,
    VAR,
    BadPlan,
    ChildPlan,
    Plan,
    child_environment,
    child_plans,
    is_on,
    manage,
    plan_from,
    shared_lines,
)
from balrottuieo.supervisor.watch import GaveUp, Watch

POLL_SECONDS = 0.1
START_SECONDS = 90.0


class Stopped(Exception):
    """Somebody asked us to stop while we were waiting."""


class StepFailed(Exception):
    """A command that must succeed before the start did not; the text holds its output."""


class Supervisor:
    """The life of one `make run`."""

    def __init__(self, plan: Plan, *, console: Console) -> None:
        self._plan = plan
        self._console = console
        self._watch = Watch(console)
        self._env: Mapping[str, str] = {}
        self._stopping = False

    def run(self) -> None:
        """Until Ctrl-C or SIGTERM. Raises GaveUp, StepFailed or RedisMissing on the way."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._request_stop)
        try:
            self._start_everything()
            self._wait(lambda: False, seconds=float("inf"))
        except Stopped:
            self._console.say("stopping …")
        finally:
            self._watch.stop_all()
            RUN_ENV.unlink(missing_ok=True)
        self._console.say("stopped; nothing is left running")

    def _start_everything(self) -> None:
        redis_url = self._plan.redis_url or self._start_redis()
        self._env = child_environment(os.environ, self._plan, redis_url=redis_url)
        RUN_ENV.touch(mode=0o600)
        RUN_ENV.write_text(shared_lines(self._env), encoding="utf-8")
        self._console.say("preparing the database and the demo …")
        self._step("migrate", "--no-input", "--verbosity", "0")
        # Demo logins are for development: with DEBUG off there are none.
        demo = self._step("demo") if is_on(self._env["DEBUG"]) else ""
        plans = child_plans(self._plan)
        robots = [plan for plan in plans if plan.name == "robots"]
        self._start(*(plan for plan in plans if plan not in robots))
        self._wait(self._answers, seconds=START_SECONDS)
        self._start(*robots)
        self._console.write(welcome(self._plan, demo=demo.splitlines()))

    def _start(self, *plans: ChildPlan) -> None:
        for plan in plans:
            self._watch.start(Child(plan, env=self._env, console=self._console))

    def _start_redis(self) -> str:
        binary, port, directory = redis_binary(), free_port(), VAR / "redis"
        directory.mkdir(exist_ok=True)
        command = redis_command(binary=binary, port=port, directory=directory)
        self._env = dict(os.environ)
        chatter = ("--logfile", str(directory / "redis.log"))
        self._start(ChildPlan(name="redis", command=(*command, *chatter)))
        self._wait(lambda: redis_answers(port), seconds=10)
        return f"redis://127.0.0.1:{port}/0"

    def _step(self, *command: str) -> str:
        """Runs one management command to its end; returns what it printed."""
        log = VAR / f"{command[0]}.log"
        with log.open("w", encoding="utf-8") as output:
            process = subprocess.Popen(
                manage(*command),
                cwd=ROOT,
                env=self._env,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=die_with_parent,
            )
            try:
                self._wait(lambda: process.poll() is not None, seconds=600)
            finally:
                kill_group(process.pid, signal.SIGKILL)
                code = process.wait()
        return self._printed_by(command[0], code, log)

    def _printed_by(self, name: str, code: int, log: Path) -> str:
        text = log.read_text(encoding="utf-8").strip()
        if code:
            raise StepFailed(f"manage.py {name} {describe_exit(code)}:\n{text}")
        return text

    def _wait(self, ready: Callable[[], bool], *, seconds: float) -> None:
        """Watches the children meanwhile. Raises Stopped, or StepFailed when time is up."""
        deadline = time.monotonic() + seconds
        while not ready():
            if self._stopping:
                raise Stopped
            if time.monotonic() > deadline:
                raise StepFailed(f"nothing was ready after {seconds:g} s; see the lines above")
            self._watch.tick()
            time.sleep(POLL_SECONDS)

    def _answers(self) -> bool:
        return _is_alive(self._plan.url) and _is_alive(self._plan.sockets_url)

    def _request_stop(self, _number: int, _frame: FrameType | None) -> None:
        self._stopping = True


def _is_alive(url: str) -> bool:
    # Never through a proxy that the environment names for the outside world.
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with direct.open(f"{url}/health/live", timeout=2) as answer:
            return bool(answer.status == 200)
    except (OSError, http.client.HTTPException):
        return False


def main(arguments: list[str]) -> int:
    """The exit code: 0 after a wanted stop, 1 when something was wrong."""
    console = Console()
    VAR.mkdir(exist_ok=True)
    load_dotenv(ROOT / ".env")  # as the settings do, and before we choose
    try:
        plan = plan_from(os.environ, arguments)
        with only_one_here(VAR / "supervisor.lock", url=plan.url):
            require_free_ports(plan)
            Supervisor(plan, console=console).run()
    except (BadPlan, GaveUp, RedisMissing, StepFailed) as reason:
        console.say(str(reason))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
