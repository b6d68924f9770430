"""The peers: programs on Node.js beside this package, each a server or a job of one process."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
from pathlib import Path
from typing import Any

import msgspec

from tests.services import Service, ServiceFailedError

PEERS = Path(__file__).resolve().parents[1] / "peers"
LONGEST_S = 300


class Peer(Service):
    """One of the servers in ``peers/``; what it needs to know stands in its environment."""

    stop_signal = signal.SIGKILL

    def __init__(self, script: str, **variables: str) -> None:
        super().__init__()
        self._script, self._variables = script, variables

    def command(self) -> tuple[str, ...]:
        return _node(self._script)

    def environment(self) -> dict[str, str]:
        return {**_environment(), **self._variables, "PORT": str(self.port)}

    def ready(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0


def answer_of(script: str, **variables: str) -> Any:
    """Run one of the programs in ``peers/`` to its end, and read the JSON that it prints.

    Raises:
        ServiceFailedError: it failed; with what it said.
    """
    done = subprocess.run(
        _node(script), env={**_environment(), **variables},
        capture_output=True, text=True, timeout=LONGEST_S, check=False,
    )  # fmt: skip
    if done.returncode:
        raise ServiceFailedError(f"{script}:\n{done.stdout}{done.stderr}")
    return msgspec.json.decode(done.stdout)


def node_program() -> str:
    """Raises ServiceFailedError when it, or the packages of the peers, are not installed."""
    node = shutil.which("node")
    if node is None or not (PEERS / "node_modules").is_dir():
        raise ServiceFailedError("the peers need Node.js and their packages: make peers")
    return node


def _node(script: str) -> tuple[str, ...]:
    return (node_program(), str(PEERS / script))


def _environment() -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "NODE_ENV": "production"}
