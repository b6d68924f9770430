"""``deploy/restore``: a database as it was when the backup was taken."""

from __future__ import annotations

import argparse
from pathlib import Path
from tempfile import TemporaryDirectory, gettempdir

from deploy.backups.archive import Manifest, unpack
from deploy.backups.console import plain_errors, say, step
from deploy.backups.engine import BackupError, Engine
from deploy.backups.engines import chosen_engine


def main() -> None:
    arguments = _parser().parse_args()
    with plain_errors():
        engine = chosen_engine()
        say(f"Restore into {engine.name}: {engine.where}")
        manifest = restore(engine, arguments.backup, replace=arguments.replace)
        moment = manifest.taken_at.isoformat()
        say(f"{len(manifest.counts)} tables, {manifest.rows} rows, as of {moment}")
        say(f"Now: manage.py migrate --check, manage.py audit --at {moment}")


def restore(engine: Engine, packed: Path, *, replace: bool) -> Manifest:
    """Verify the backup, load it, and compare what is there with what must be.

    Raises:
        BackupError: not whole, of another engine, the database is not empty, or holds something
            else afterwards.
    """
    with TemporaryDirectory(prefix="balrottuieo-restore-") as directory:
        folder = Path(directory)
        with step("Verifying the backup"):
            manifest = unpack(packed, into=folder)
        _check_target(engine, manifest, replace=replace)
        with step("Loading"):
            engine.load(folder)
    with step("Counting"):
        _compare(manifest.counts, engine.counts())
    return manifest


def _check_target(engine: Engine, manifest: Manifest, *, replace: bool) -> None:
    if manifest.engine != engine.name:
        raise BackupError(f"This is a backup of {manifest.engine}, not of {engine.name}.")
    if not replace and engine.counts():
        raise BackupError(f"{engine.where} is not empty. --replace puts the backup in its place.")


def _compare(expected: dict[str, int], found: dict[str, int]) -> None:
    wrong = {name for name, _rows in expected.items() ^ found.items()}
    if wrong:
        raise BackupError(f"Not what the manifest says: {', '.join(sorted(wrong))}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="deploy/restore",
        description="Load a backup into the empty database at DATABASE_URL."
        f" Unpacks it below TMPDIR (now {gettempdir()}).",
    )
    parser.add_argument("backup", type=Path, help="a file that deploy/backup wrote")
    parser.add_argument("--replace", action="store_true", help="delete what the database holds now")
    return parser


if __name__ == "__main__":
    main()
