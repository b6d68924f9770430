"""Failures that a caller can expect; :mod:`common.problems` turns them into HTTP."""

from __future__ import annotations

from typing import Any, ClassVar

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

Text = str | Promise


class DomainError(Exception):
    """A refusal with a stable ``code`` for programs and a sentence for people.

    ``extra`` becomes additional members of the problem+json body.
    """

    status: ClassVar[int] = 400
    code: str = "bad_request"
    message: Text = _("The request can't be carried out.")

    def __init__(self, code: str | None = None, message: Text | None = None, **extra: Any) -> None:
        self.code = code or self.code
        self.message = message or self.message
        self.extra = extra
        super().__init__(self.code)

    def __str__(self) -> str:
        return str(self.message)


class Invalid(DomainError):
    """The input breaks a rule; ``field`` names the input at fault."""

    status = 400
    code = "invalid"
    message = _("Please check what you entered.")

    def __init__(
        self, code: str | None = None, message: Text | None = None, *, field: str = "", **extra: Any
    ) -> None:
        super().__init__(code, message, **extra)
        self.field = field


class NotAllowed(DomainError):
    """The caller is known but may not do this."""

    status = 403
    code = "not_allowed"
    message = _("You are not allowed to do this.")


class NotFound(DomainError):
    """It is not there, or the caller may not know that it is."""

    status = 404
    code = "not_found"
    message = _("Not found.")


class Conflict(DomainError):
    """Something else happened first, or the state does not permit it."""

    status = 409
    code = "conflict"
    message = _("Something else happened first. Please look again.")


class Unprocessable(DomainError):
    """Understood, but it contradicts what was said before."""

    status = 422
    code = "unprocessable"


class Unavailable(DomainError):
    """A service we need does not answer; trying again later may help."""

    status = 503
    code = "unavailable"
    message = _("The service is busy. Please try again in a moment.")
