"""Photos as they may be kept: really images, not too large, without the place they were taken."""

from __future__ import annotations

import io
from typing import Any, NamedTuple

from django.core.files.base import ContentFile
from django.core.files.uploadedfile import UploadedFile
from django.utils.translation import gettext_lazy as _
from PIL import Image, ImageOps, UnidentifiedImageError

from common.errors import Invalid

MAX_BYTES = 10 * 1024 * 1024
MAX_PIXELS = 40_000_000
MIN_SIDE, MAX_SIDE = 64, 8_000
STORED_SIDE = 2_048
FORMATS = ("JPEG", "PNG", "WEBP")


class Photo(NamedTuple):
    """A re-encoded JPEG without metadata; sides in pixels."""

    content: ContentFile[bytes]
    width: int
    height: int


def clean_photo(upload: UploadedFile[Any]) -> Photo:
    """Decode ``upload`` and encode it again as JPEG, upright, longest side ≤ 2,048 px.

    Encoding the pixels anew is what removes EXIF, the position in it included.

    Raises:
        Invalid: ``photo_too_large``, ``not_a_photo`` or ``photo_dimensions``.
    """
    if (upload.size or 0) > MAX_BYTES:
        raise Invalid("photo_too_large", _("A photo may have 10 MB at most."), field="photo")
    image = _decoded(upload)
    image.thumbnail((STORED_SIDE, STORED_SIDE))
    out = io.BytesIO()
    image.save(out, "JPEG", quality=85, optimize=True)
    return Photo(ContentFile(out.getvalue(), name="photo.jpg"), *image.size)


def _decoded(upload: UploadedFile[Any]) -> Image.Image:
    try:
        with Image.open(upload, formats=FORMATS) as image:
            _check_dimensions(*image.size)  # from the header, before any pixel is decoded
            return ImageOps.exif_transpose(image).convert("RGB")
    except (UnidentifiedImageError, Image.DecompressionBombError, OSError, ValueError) as error:
        message = _("This is not a JPEG, PNG or WebP photo.")
        raise Invalid("not_a_photo", message, field="photo") from error


def _check_dimensions(width: int, height: int) -> None:
    short, long = sorted((width, height))
    if short < MIN_SIDE or long > MAX_SIDE or width * height > MAX_PIXELS:
        message = _("A photo's sides must be between 64 and 8,000 pixels.")
        raise Invalid("photo_dimensions", message, field="photo")
