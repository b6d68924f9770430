"""Proof photos: checked and re-encoded before anything is stored."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.core.files.uploadedfile import UploadedFile
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from common.errors import Conflict, NotFound
from common.images import clean_photo
from errands.models import Errand, Photo, PhotoPurpose
from errands.services.moving import illegal_move
from errands.states import FINAL

MAX_PHOTOS = 20


def photo_add(
    *, errand_id: UUID, uploader: User, upload: UploadedFile[Any], purpose: PhotoPurpose
) -> Photo:
    """Keep a photo of a live errand for one of its two parties.

    Raises:
        NotFound, Conflict (``too_many_photos``, ``illegal_move``), Invalid (see ``clean_photo``).
    """
    mine = Q(runner=uploader) | Q(requester=uploader)
    errand = Errand.objects.filter(mine, pk=errand_id).first()
    if errand is None:
        raise NotFound
    if errand.state in FINAL:
        raise illegal_move(errand)
    if Photo.objects.filter(errand=errand).count() >= MAX_PHOTOS:
        raise Conflict("too_many_photos", _("This errand has 20 photos already."))
    cleaned = clean_photo(upload)
    photo = Photo(
        errand=errand, uploader=uploader, purpose=purpose,
        width=cleaned.width, height=cleaned.height,
    )  # fmt: skip
    photo.image.save(f"{photo.pk}.jpg", cleaned.content, save=False)
    photo.save(force_insert=True)
    return photo
