"""One backup is one file: the dump, and a manifest that says what must be in it."""

from __future__ import annotations

import hashlib
import os
import shutil
import tarfile
import zlib
from datetime import datetime
from pathlib import Path, PurePosixPath

import msgspec

from deploy.backups.engine import BackupError

MANIFEST = "manifest.json"


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What a backup says about itself."""

    engine: str
    server: str
    taken_at: datetime
    migrations: dict[str, str]  # app → the last one applied
    counts: dict[str, int]  # table → rows
    files: dict[str, str]  # path in the archive → SHA-256

    @property
    def rows(self) -> int:
        return sum(self.counts.values())


def checksums(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of every file below ``folder`` but the manifest."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    found = {path.relative_to(folder).as_posix(): _sha256(path) for path in files}
    found.pop(MANIFEST, None)
    return found


def pack(folder: Path, manifest: Manifest, *, into: Path) -> None:
    """Write ``folder`` and its manifest as one compressed file, safe on the disk."""
    (folder / MANIFEST).write_bytes(msgspec.json.format(msgspec.json.encode(manifest)))
    with into.open("xb") as file:
        with tarfile.open(fileobj=file, mode="w:gz", compresslevel=6) as archive:
            for name in (MANIFEST, *manifest.files):  # the manifest first: quick to look at
                archive.add(folder / name, arcname=name)
        file.flush()
        os.fsync(file.fileno())


def unpack(packed: Path, *, into: Path) -> Manifest:
    """Unpack a backup and verify every byte of it.

    Raises:
        BackupError: it is not whole, or not a backup.
    """
    try:
        _extract(packed, into)
        manifest = msgspec.json.decode((into / MANIFEST).read_bytes(), type=Manifest)
    except (OSError, EOFError, tarfile.TarError, zlib.error, msgspec.DecodeError) as error:
        raise BackupError(f"{packed} is not a whole backup: {error}") from error
    if checksums(into) != manifest.files:
        raise BackupError(f"{packed} is not a whole backup: its files are not what was written.")
    return manifest


def _extract(packed: Path, into: Path) -> None:
    with tarfile.open(packed, "r:gz") as archive:
        for member in archive:
            path = PurePosixPath(member.name)
            content = archive.extractfile(member)
            if content is None or path.is_absolute() or ".." in path.parts:
                raise tarfile.ExtractError(f"{member.name} does not belong in it")
            (into / path).parent.mkdir(parents=True, exist_ok=True)
            with content, (into / path).open("xb") as file:
                shutil.copyfileobj(content, file)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
