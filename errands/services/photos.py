"""Proof photos: checked and re-encoded before anything is stored."""

from __future__ import annotations

from types import TracebackType
from typing import Any, Self
from uuid import UUID

from django.core.files.uploadedfile import UploadedFile
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from common.db import run_in_unit
from common.errors import Conflict, NotFound
from common.images import clean_photo
from errands.models import Errand, Photo, PhotoPurpose
from errands.services.moving import illegal_move
from errands.states import FINAL

MAX_PHOTOS = 20
MAX_WAITING = 40  # beside those: a queue may be long, and each block of it wants one


def photo_add(
    *, errand_id: UUID, uploader: User, upload: UploadedFile[Any], purpose: PhotoPurpose
) -> Photo:
    """Keep a photo of a live errand for one of its two parties. Not inside a unit of work.

    Raises:
        NotFound, Conflict (``too_many_photos``, ``illegal_move``), Invalid (see ``clean_photo``).
    """
    with PhotoUpload(errand_id, uploader, upload, purpose) as photo:
        photo.store()
        return run_in_unit(photo.record)


class PhotoUpload:
    """One photo in its two steps, for callers with a unit of work of their own.

    Decoding takes a second and the storage may be another company, so both come before the unit:
    no transaction waits for them, and a unit that is tried again stores no second file. Used as
    a ``with`` block, which deletes the file should its row not have been written.
    """

    def __init__(
        self, errand_id: UUID, uploader: User, upload: UploadedFile[Any], purpose: PhotoPurpose
    ) -> None:
        self.errand_id = errand_id
        self.upload = upload
        self.photo = Photo(errand_id=errand_id, uploader=uploader, purpose=purpose)
        self._recorded = False

    def store(self) -> None:
        """Check who asks and what it is, then write the file; see :func:`photo_add`."""
        self._check()
        cleaned = clean_photo(self.upload)
        self.photo.width, self.photo.height = cleaned.width, cleaned.height
        self.photo.image.save(f"{self.photo.pk}.jpg", cleaned.content, save=False)

    def record(self) -> Photo:
        """Write the row, inside the caller's unit of work."""
        self._check()  # the errand may have ended while the file was on its way
        self.photo.save(force_insert=True)
        self._recorded = True
        return self.photo

    def _check(self) -> None:
        uploader = self.photo.uploader
        mine = Q(runner=uploader) | Q(requester=uploader)
        errand = Errand.objects.filter(mine, pk=self.errand_id).first()
        if errand is None:
            raise NotFound
        if errand.state in FINAL:
            raise illegal_move(errand)
        waits = Q(purpose=PhotoPurpose.WAITING)
        waiting = self.photo.purpose == PhotoPurpose.WAITING
        alike = Photo.objects.filter(waits if waiting else ~waits, errand=errand)
        if alike.count() >= (MAX_WAITING if waiting else MAX_PHOTOS):
            raise Conflict("too_many_photos", _("This errand has too many photos already."))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        # Recorded, but with an error after it: the unit took the row back.
        if self.photo.image and not (self._recorded and error is None):
            self.photo.image.delete(save=False)
