"""A proof photo: small, different each time, and a real JPEG."""

from __future__ import annotations

import io
import random

from PIL import Image, ImageDraw

SIZE = (320, 240)


def proof_photo(rng: random.Random) -> bytes:
    """Draw a parcel on a floor; about 5 kB."""
    image = Image.new("RGB", SIZE, _colour(rng, 120, 220))
    draw = ImageDraw.Draw(image)
    left, top = rng.randint(20, 120), rng.randint(20, 80)
    right, bottom = left + rng.randint(80, 160), top + rng.randint(60, 120)
    draw.rectangle((left, top, right, bottom), fill=_colour(rng, 60, 160), outline="black")
    draw.line((left, (top + bottom) // 2, right, (top + bottom) // 2), fill="wheat", width=8)
    out = io.BytesIO()
    image.save(out, "JPEG", quality=80)
    return out.getvalue()


def _colour(rng: random.Random, low: int, high: int) -> tuple[int, int, int]:
    return rng.randint(low, high), rng.randint(low, high), rng.randint(low, high)
