"""Django storage on Cloudinary, through its own library."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import PurePosixPath

import cloudinary.exceptions
import cloudinary.uploader
import cloudinary.utils
import httpx
from django.core.files.base import ContentFile, File
from django.core.files.storage import Storage
from django.utils.deconstruct import deconstructible

from common.errors import Unavailable

TIMEOUT_S = 15

logger = logging.getLogger(__name__)


@deconstructible
class CloudinaryStorage(Storage):
    """Keeps images under their name as public id; the library reads ``CLOUDINARY_URL``.

    Uploading under a fixed public id is idempotent, so a repeated upload changes nothing.
    A refusal or silence is :class:`~common.errors.Unavailable` (``storage_unavailable``).
    """

    def _save(self, name: str, content: File[bytes]) -> str:
        content.seek(0)
        with _asking(name):
            cloudinary.uploader.upload(
                content.read(),
                public_id=_public_id(name),
                resource_type="image",
                overwrite=True,
                timeout=TIMEOUT_S,
            )
        return name

    def _open(self, name: str, mode: str = "rb") -> File[bytes]:
        response = httpx.get(self.url(name), timeout=TIMEOUT_S)
        response.raise_for_status()
        return ContentFile(response.content, name=name)

    def exists(self, name: str) -> bool:
        return False  # names carry a UUID; asking first would cost a request for each photo

    def delete(self, name: str) -> None:
        with _asking(name):
            cloudinary.uploader.destroy(_public_id(name), invalidate=True, timeout=TIMEOUT_S)

    def url(self, name: str | None) -> str:
        address, _options = cloudinary.utils.cloudinary_url(
            _public_id(name or ""), format="jpg", secure=True
        )
        return str(address)


@contextmanager
def _asking(name: str) -> Iterator[None]:
    try:
        yield
    except cloudinary.exceptions.Error as error:
        # What went wrong (a key, a limit) is for our log, not for who sent a photo.
        logger.warning("Cloudinary did not take what we asked about %s: %s", name, error)
        raise Unavailable("storage_unavailable") from error


def _public_id(name: str) -> str:
    return str(PurePosixPath(name).with_suffix(""))
