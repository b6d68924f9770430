"""What may become a proof photo, and what is left of it."""

from __future__ import annotations

import io
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from PIL import ExifTags, Image

from common.images import STORED_SIDE, clean_photo
from tests.conftest import refused

RED, BLUE = (255, 0, 0), (0, 0, 255)


def upload(image: Image.Image, kind: str = "JPEG", **options: Any) -> SimpleUploadedFile:
    content = io.BytesIO()
    image.save(content, kind, **options)
    return SimpleUploadedFile("a", content.getvalue())


def corner_picture() -> Image.Image:
    """Blue, with the upper left quarter red: every way of turning it looks different enough."""
    picture = Image.new("RGB", (160, 80), BLUE)
    picture.paste(RED, (0, 0, 80, 40))
    return picture


def red_corner(photo: bytes) -> str:
    image = Image.open(io.BytesIO(photo))
    right, below = image.width - 8, image.height - 8
    corners = {"↖": (8, 8), "↗": (right, 8), "↙": (8, below), "↘": (right, below)}
    pixels = {name: image.getpixel(place) for name, place in corners.items()}
    (found,) = (
        name for name, pixel in pixels.items() if isinstance(pixel, tuple) and pixel[0] > 128
    )
    return found


@pytest.mark.parametrize(
    ("orientation", "corner", "upright"),
    [
        (1, "↖", (160, 80)), (2, "↗", (160, 80)), (3, "↘", (160, 80)), (4, "↙", (160, 80)),
        (5, "↖", (80, 160)), (6, "↗", (80, 160)), (7, "↘", (80, 160)), (8, "↙", (80, 160)),
        (0, "↖", (160, 80)), (9, "↖", (160, 80)),
    ],
)  # fmt: skip
def test_the_picture_stands_upright(
    orientation: int, corner: str, upright: tuple[int, int]
) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    photo = clean_photo(upload(corner_picture(), exif=exif))
    assert (photo.width, photo.height) == upright
    assert red_corner(photo.content.read()) == corner


def test_a_large_photo_is_made_small_and_stays_upright() -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    photo = clean_photo(upload(Image.new("RGB", (4000, 1000)), exif=exif))
    assert (photo.width, photo.height) == (512, STORED_SIDE)


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
@pytest.mark.parametrize("mode", ["RGBA", "L", "P"])
def test_other_formats_become_jpeg(kind: str, mode: str) -> None:
    if kind == "WEBP" and mode == "P":
        mode = "RGB"
    photo = clean_photo(upload(Image.new(mode, (100, 90)), kind))
    stored = Image.open(photo.content)
    assert (stored.format, stored.mode, stored.size) == ("JPEG", "RGB", (100, 90))


def test_nothing_said_beside_the_picture_is_kept() -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.ImageDescription] = "우리 집"
    said: dict[str, Any] = {
        "exif": exif,
        "comment": b"my home",
        "xmp": b"<x:xmpmeta>my home</x:xmpmeta>",
    }
    photo = clean_photo(upload(corner_picture(), **said)).content.read()
    stored = Image.open(io.BytesIO(photo))
    assert not stored.getexif()
    assert not {"exif", "comment", "xmp", "icc_profile"} & set(stored.info)
    assert b"my home" not in photo


@pytest.mark.filterwarnings("ignore::UserWarning")  # Pillow's, about the very damage
def test_a_sound_picture_with_damaged_exif_is_kept() -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.ImageDescription] = "hi"
    exif[ExifTags.Base.Orientation] = 6
    # The text now claims to be BitsPerSample, a number: it can be read, but not written again.
    damaged = exif.tobytes().replace(b"\x01\x0e\x00\x02", b"\x01\x02\x00\x02")
    photo = clean_photo(upload(corner_picture(), exif=damaged))
    assert (photo.width, photo.height) == (80, 160)


def test_many_pixels_in_few_bytes_are_refused_before_they_are_decoded() -> None:
    """8,000 × 7,999 black pixels are 64 million; as PNG they weigh next to nothing."""
    bomb = upload(Image.new("1", (8_000, 7_999)), "PNG")
    assert bomb.size is not None
    assert bomb.size < 100_000
    with refused("photo_dimensions"):
        clean_photo(bomb)


@pytest.mark.parametrize("kind", ["GIF", "BMP", "TIFF"])
def test_formats_that_are_not_asked_for_are_not_tried(kind: str) -> None:
    with refused("not_a_photo"):
        clean_photo(upload(corner_picture(), kind))


@pytest.mark.parametrize("kept", [1, 10, 100, 400])
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_half_a_picture_is_none(kind: str, kept: int) -> None:
    whole = upload(Image.effect_noise((200, 200), 60), kind).read()
    with refused("not_a_photo"):
        clean_photo(SimpleUploadedFile("a", whole[:kept]))
