"""The file of a backup: whole or not there, kept or removed, refused when it is not what it was."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from accounts.models import User
from common.models import AnsweredRequest
from deploy.backups.archive import checksums, pack, unpack
from deploy.backups.backup import backup, remove_old
from deploy.backups.engine import BackupError
from tests.live.backups import BACKUP, RESTORE, ROOT, done, engine_of, refused, run, take
from tests.live.databases import database_url
from tests.services import wait_for

pytestmark = [
    pytest.mark.live,
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("alice"),
]

NOW = datetime(2026, 3, 1, 3, 15, tzinfo=UTC)
MEGABYTE = 1_000_000


def halve(file: Path) -> None:
    os.truncate(file, file.stat().st_size // 2)


def flip_a_bit(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


@pytest.mark.parametrize("damage", [halve, flip_a_bit, os.unlink])
def test_a_damaged_file_is_refused(shelf: Path, damage: Callable[[Path], None]) -> None:
    packed = take(shelf)
    damage(packed)
    line = refused(run(RESTORE, "--replace", packed, url=database_url()))
    assert "is not a whole backup" in line
    assert User.objects.count() == 1


def test_a_file_of_another_dump_is_refused(shelf: Path, tmp_path: Path) -> None:
    """Well packed, but not what the manifest was written for."""
    manifest = unpack(take(shelf), into=tmp_path / "content")
    flip_a_bit(tmp_path / "content" / max(manifest.files))
    other = tmp_path / "other.tar.gz"
    pack(tmp_path / "content", manifest, into=other)
    assert "not what was written" in refused(run(RESTORE, "--replace", other, url=database_url()))


def with_half_a_dump(packed: Path, folder: Path) -> Path:
    """Pack a file that is whole, of a dump that is not."""
    manifest = unpack(packed, into=folder)
    halve(max((folder / name for name in manifest.files), key=lambda file: file.stat().st_size))
    broken = folder.with_name("broken.tar.gz")
    sealed = msgspec.structs.replace(manifest, files=checksums(folder))
    pack(folder, sealed, into=broken)
    return broken


def test_a_restore_that_fails_leaves_the_database_as_it_was(shelf: Path, tmp_path: Path) -> None:
    broken = with_half_a_dump(take(shelf), tmp_path / "content")
    before = engine_of(database_url()).counts()
    assert refused(run(RESTORE, "--replace", broken, url=database_url())).startswith("error: ")
    assert engine_of(database_url()).counts() == before


def make_it_big() -> None:
    AnsweredRequest.objects.bulk_create(
        AnsweredRequest(
            owner="u", key=str(number), fingerprint="", body=os.urandom(MEGABYTE).hex(),
            expires_at=NOW,
        )
        for number in range(20)
    )  # fmt: skip


def test_one_killed_half_way_does_not_look_like_one(shelf: Path) -> None:
    make_it_big()
    environment = {**os.environ, "DATABASE_URL": database_url()}
    process = subprocess.Popen((BACKUP, shelf), cwd=ROOT, env=environment)
    wait_for(lambda: any(shelf.glob(".*.partial/*")), what="the beginning of a backup")
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert list(shelf.glob("*.tar.gz")) == []

    packed = take(shelf)
    assert list(shelf.iterdir()) == [packed]
    assert packed.stat().st_mode & 0o777 == 0o600


def test_one_stopped_half_way_leaves_nothing(shelf: Path) -> None:
    make_it_big()
    environment = {**os.environ, "DATABASE_URL": database_url()}
    process = subprocess.Popen((BACKUP, shelf), cwd=ROOT, env=environment)
    wait_for(lambda: any(shelf.glob(".*.partial/*")), what="the beginning of a backup")
    process.terminate()
    assert process.wait() == 128 + signal.SIGTERM
    assert list(shelf.iterdir()) == []


def test_old_ones_go_but_none_is_overwritten(shelf: Path) -> None:
    shelf.mkdir()
    stranger = shelf / "balrottuieo-20260101T000000Z-other.tar.gz"
    stranger.touch()
    engine = engine_of(database_url())
    days = [NOW + timedelta(days=number) for number in range(3)]
    _first, second, third = (backup(engine, shelf, now=day) for day in days)
    with pytest.raises(BackupError, match="there already"):
        backup(engine, shelf, now=days[0])
    remove_old(shelf, engine, keep=2)
    assert {*shelf.iterdir()} == {stranger, second, third}


def test_two_at_once_do_not_meet(shelf: Path) -> None:
    shelf.mkdir()
    locked = ("flock", shelf, BACKUP, shelf)
    assert "Another backup" in refused(run(*locked, url=database_url()))
    done(run(BACKUP, shelf, url=database_url()))
