"""Django storage on Cloudinary, through its own library."""

from __future__ import annotations

from pathlib import PurePosixPath

import cloudinary.uploader
import cloudinary.utils
import httpx
from django.core.files.base import ContentFile, File
from django.core.files.storage import Storage
from django.utils.deconstruct import deconstructible

TIMEOUT_S = 15


@deconstructible
class CloudinaryStorage(Storage):
    """Keeps images under their name as public id; the library reads ``CLOUDINARY_URL``.

    Uploading under a fixed public id is idempotent, so a repeated upload changes nothing.
    """

    def _save(self, name: str, content: File[bytes]) -> str:
        content.seek(0)
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
        cloudinary.uploader.destroy(_public_id(name), invalidate=True, timeout=TIMEOUT_S)

    def url(self, name: str | None) -> str:
        address, _options = cloudinary.utils.cloudinary_url(
            _public_id(name or ""), format="jpg", secure=True
        )
        return str(address)


def _public_id(name: str) -> str:
    return str(PurePosixPath(name).with_suffix(""))
