"""What every database must be able to do, so that backup and restore need not know which it is."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple, Protocol

PATIENCE_S = 10  # for a connection
LOCK_PATIENCE_S = 30  # for whoever has a table or the file locked


class BackupError(Exception):
    """It can't be done; the text says why, and holds no password."""


class Facts(NamedTuple):
    """What was true at the moment a dump shows."""

    server: str
    migrations: dict[str, str]  # app → the last one applied
    counts: dict[str, int]  # table → rows


class Engine(Protocol):
    """One database of one kind."""

    name: str

    @property
    def where(self) -> str:
        """Which database it is, for people: no password in it."""

    def counts(self) -> dict[str, int]:
        """Rows of every table; nothing for a database without tables."""

    def dump(self, folder: Path) -> Facts:
        """Write one moment of the whole database into ``folder`` while others go on writing."""

    def load(self, folder: Path) -> None:
        """Replace what the database holds by what :meth:`dump` wrote, in one step."""
