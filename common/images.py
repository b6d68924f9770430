"""Photos as they may be kept: really images, not too large, without the place they were taken."""

from __future__ import annotations

import io
import struct
from typing import Any, NamedTuple

from django.core.files.base import ContentFile
from django.core.files.uploadedfile import UploadedFile
from django.utils.translation import gettext_lazy as _
from PIL import ExifTags, Image, UnidentifiedImageError

from common.errors import Invalid

MAX_BYTES = 10 * 1024 * 1024
MAX_PIXELS = 40_000_000
MIN_SIDE, MAX_SIDE = 64, 8_000
STORED_SIDE = 2_048
FORMATS = ("JPEG", "PNG", "WEBP")
# What EXIF says about how the camera was held, and what makes the picture upright. Pillow's own
# exif_transpose also writes the EXIF anew, and fails on the damaged one of a sound picture.
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
# All that Pillow's decoders raise at bytes made to upset them.
UNREADABLE = (
    UnidentifiedImageError,
    Image.DecompressionBombError,
    OSError,
    ValueError,
    SyntaxError,
    struct.error,
)


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
    image.info.clear()  # else a JPEG's comment and XMP would be written again
    out = io.BytesIO()
    image.save(out, "JPEG", quality=85, optimize=True)
    return Photo(ContentFile(out.getvalue(), name="photo.jpg"), *image.size)


def _decoded(upload: UploadedFile[Any]) -> Image.Image:
    try:
        with Image.open(upload, formats=FORMATS) as image:
            _check_dimensions(*image.size)  # from the header, before any pixel is decoded
            turn = TURNS.get(image.getexif().get(ExifTags.Base.Orientation, 1))
            # Made small before it is turned: a turn holds the picture twice.
            image.thumbnail((STORED_SIDE, STORED_SIDE))
            upright = image if turn is None else image.transpose(turn)
            return upright.convert("RGB")
    except UNREADABLE as error:
        message = _("This is not a JPEG, PNG or WebP photo.")
        raise Invalid("not_a_photo", message, field="photo") from error


def _check_dimensions(width: int, height: int) -> None:
    short, long = sorted((width, height))
    if short < MIN_SIDE or long > MAX_SIDE or width * height > MAX_PIXELS:
        message = _("A photo's sides must be between 64 and 8,000 pixels.")
        raise Invalid("photo_dimensions", message, field="photo")
