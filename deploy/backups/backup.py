"""``deploy/backup``: one consistent copy of the database, as one file."""

from __future__ import annotations

import argparse
import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from deploy.backups.archive import Manifest, checksums, pack
from deploy.backups.console import plain_errors, say, step
from deploy.backups.engine import BackupError, Engine
from deploy.backups.engines import chosen_engine

PREFIX, SUFFIX, PARTIAL = "balrottuieo-", ".tar.gz", ".partial"


def main() -> None:
    arguments = _parser().parse_args()
    os.umask(0o077)  # it holds everything there is to know about people
    with plain_errors():
        engine = chosen_engine()
        say(f"Backup of {engine.name}: {engine.where}")
        with _alone(arguments.directory) as directory:
            written = backup(engine, directory, now=datetime.now(UTC).replace(microsecond=0))
            if arguments.keep:
                remove_old(directory, engine, keep=arguments.keep)
        print(written)


def backup(engine: Engine, directory: Path, *, now: datetime) -> Path:
    """Write a backup that has its name only once it is whole.

    Raises:
        BackupError: there is one of this second, or the database can't be read.
    """
    target = directory / f"{PREFIX}{now:%Y%m%dT%H%M%SZ}-{engine.name}{SUFFIX}"
    if target.exists():
        raise BackupError(f"{target} is there already.")
    with _workplace(directory / f".{target.name}{PARTIAL}") as work:
        dump = work / "content"
        dump.mkdir()
        with step("Reading the database"):
            facts = engine.dump(dump)
        with step("Packing"):
            manifest = Manifest(
                engine=engine.name, taken_at=now, files=checksums(dump), **facts._asdict()
            )
            pack(dump, manifest, into=work / target.name)
        (work / target.name).rename(target)
    _sync(directory)
    say(f"{len(manifest.counts)} tables, {manifest.rows} rows, {target.stat().st_size} bytes")
    return target


def remove_old(directory: Path, engine: Engine, *, keep: int) -> None:
    """Remove all but the newest ``keep`` backups of this engine."""
    for old in sorted(directory.glob(f"{PREFIX}*-{engine.name}{SUFFIX}"))[:-keep]:
        old.unlink()
        say(f"removed {old}")


@contextmanager
def _alone(directory: Path) -> Iterator[Path]:
    """Make the directory if need be, and keep every other backup out of it."""
    directory.mkdir(parents=True, exist_ok=True)
    handle = os.open(directory, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(handle)
        raise BackupError(f"Another backup is being written in {directory}.") from error
    try:
        yield directory
    finally:
        os.close(handle)


@contextmanager
def _workplace(place: Path) -> Iterator[Path]:
    """Make a directory to work in; also removes what killed backups left beside it."""
    for left in place.parent.glob(f".{PREFIX}*{PARTIAL}"):
        say(f"removing {left}, left by a backup that was killed")
        shutil.rmtree(left)
    place.mkdir()
    try:
        yield place
    finally:
        shutil.rmtree(place)


def _sync(directory: Path) -> None:
    """Put the name on the disk, too."""
    handle = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="deploy/backup",
        description="Write a backup of the database at DATABASE_URL; prints its path.",
    )
    parser.add_argument("directory", type=Path, help="where backups are kept")
    parser.add_argument(
        "--keep", type=positive_number, metavar="N", help="afterwards remove all but the newest N"
    )
    return parser


def positive_number(text: str) -> int:
    number = int(text)
    if number < 1:
        raise ValueError(text)
    return number


if __name__ == "__main__":
    main()
