"""RabbitMQ: a broker with its own node name, its own epmd and its own directory."""

from __future__ import annotations

import json
import os
import subprocess
import time
from pathlib import Path
from typing import Any

import amqp

from balrottuieo.supervisor.embedded_redis import free_port
from tests.services.base import Service, ServiceFailedError

PROGRAM = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")
CONTROL = PROGRAM.with_name("rabbitmqctl")
# Erlang would start an epmd that outlives us; this one is of our group, and dies with the node.
START = 'setpriv --pdeathsig KILL epmd -port "$ERL_EPMD_PORT" -address 127.0.0.1 & exec "$0"'
# The register of quorum queues is on disk half a second after a queue was declared. After a crash
# before that the queue is there, but never gets a leader.
REGISTER_SECONDS = 1.0
CONFIGURATION = """\
listeners.tcp.1 = 127.0.0.1:{port}
loopback_users.guest = true
log.console = true
log.console.level = warning
total_memory_available_override_value = 1GB
disk_free_limit.absolute = 50MB
"""


class RabbitServer(Service):
    """A node of one. What is in its durable queues outlives `kill()`."""

    start_seconds = 90.0

    def __init__(self) -> None:
        super().__init__()
        self._epmd_port, self._distribution_port = free_port(), free_port()

    def kill(self) -> None:
        time.sleep(REGISTER_SECONDS)
        super().kill()

    @property
    def url(self) -> str:
        return f"amqp://guest:guest@127.0.0.1:{self.port}//"

    def listed(self, what: str, *columns: str) -> list[dict[str, Any]]:
        """What `rabbitmqctl list_<what>` says: each row by its columns."""
        rows: list[dict[str, Any]] = json.loads(
            self.control("--quiet", "--formatter", "json", f"list_{what}", *columns)
        )
        return rows

    def control(self, *words: str) -> bytes:
        """Returns what `rabbitmqctl` prints."""
        done = subprocess.run(
            (str(CONTROL), *words),
            cwd=self.directory,
            env=self.environment(),
            capture_output=True,
            check=True,
        )
        return done.stdout

    def prepare(self) -> None:
        if not PROGRAM.exists():
            raise ServiceFailedError("there is no RabbitMQ: apt-get install rabbitmq-server")
        configuration = CONFIGURATION.format(port=self.port)
        (self.directory / "rabbitmq.conf").write_text(configuration)
        (self.directory / "enabled_plugins").write_text("[].")

    def command(self) -> tuple[str, ...]:
        return ("sh", "-c", START, str(PROGRAM))

    def environment(self) -> dict[str, str]:
        here = self.directory
        return {
            **os.environ,
            "HOME": str(here),
            "LC_ALL": "C.UTF-8",
            "ERL_EPMD_PORT": str(self._epmd_port),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODENAME": f"test{self.port}@localhost",
            "RABBITMQ_NODE_PORT": str(self.port),
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_DIST_PORT": str(self._distribution_port),
            "RABBITMQ_MNESIA_BASE": str(here / "mnesia"),
            "RABBITMQ_LOG_BASE": str(here / "logs"),
            "RABBITMQ_PID_FILE": str(here / "pid"),
            "RABBITMQ_CONFIG_FILE": str(here / "rabbitmq.conf"),
            "RABBITMQ_CONF_ENV_FILE": "/dev/null",
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(here / "enabled_plugins"),
            "RABBITMQ_GENERATED_CONFIG_DIR": str(here / "config"),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": (
                "+S 1:1 +sbwt none -kernel inet_dist_use_interface {127,0,0,1}"
            ),
        }

    def ready(self) -> bool:
        try:
            with amqp.Connection(f"127.0.0.1:{self.port}", connect_timeout=2) as connection:
                connection.connect()
        except OSError:
            return False
        return True
