"""Signing up and in, where it goes beyond or is quicker than what allauth does by itself."""

from __future__ import annotations

import functools
import time
from typing import Any, NamedTuple
from urllib.parse import urlsplit
from uuid import UUID

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.auth_backends import AuthenticationBackend
from allauth.headless.contrib.rest_framework.authentication import JWTTokenAuthentication
from allauth.headless.internal.sessionkit import lookup_session
from allauth.headless.tokens.strategies.jwt import internal
from django import forms
from django.conf import settings
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from rest_framework.exceptions import AuthenticationFailed

from accounts import policy
from accounts.models import User
from accounts.selectors import user_with

REMEMBERED_TOKENS = 4_096


class SignupFields(forms.Form):
    """The optional ``nickname`` of a sign-up; without one the person gets a friendly one."""

    nickname = forms.CharField(required=False)

    def clean_nickname(self) -> str:
        nickname = policy.tidy_nickname(self.cleaned_data["nickname"])
        if nickname and not policy.is_nickname(nickname):
            message = _("A nickname has 2 to 30 visible characters.")
            raise forms.ValidationError(message, code="bad_nickname")
        return nickname

    def signup(self, request: HttpRequest, user: User) -> None:
        """Do nothing more: allauth demands this method of its extra fields."""


class Site(NamedTuple):
    """What the templates of allauth's mails want to know about us."""

    name: str
    domain: str


class AccountAdapter(DefaultAccountAdapter):
    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        # Without it a mail would introduce us by whatever Host header the request had.
        ours = Site(name="발로뛰어", domain=urlsplit(settings.PUBLIC_URL).netloc)
        super().send_mail(template_prefix, email, {**context, "current_site": ours})

    def save_user(self, request: HttpRequest, user: User, form: Any, commit: bool = True) -> User:
        user.nickname = form.cleaned_data.get("nickname") or policy.friendly_nickname()
        super().save_user(request, user, form, commit)
        return user


class AccountBackend(AuthenticationBackend):
    """Looks up who a session belongs to, which every request does, by a prepared query."""

    def get_user(self, user_id: UUID) -> User | None:
        user = user_with(user_id)
        return user if self.user_can_authenticate(user) else None


class Access(NamedTuple):
    """What a token that we signed says, and the session that it stands for."""

    payload: dict[str, Any]
    session_key: str


class BearerAuthentication(JWTTokenAuthentication):
    """A token's signature is verified once; its end, its session and its user every time."""

    def authenticate_credentials(self, key: str) -> tuple[User, str]:
        return bearer(key), key


def bearer(token: str) -> User:
    """Return whose access token this is.

    Raises:
        AuthenticationFailed: it is not ours, or over; its session or its user is gone.
    """
    access = _access(token)
    session = lookup_session(access.session_key) if access.payload["exp"] > time.time() else None
    user: User | None = internal.validate_token_user(access.payload, session) if session else None
    if user is None:
        raise AuthenticationFailed("Invalid token.")
    return user


@functools.lru_cache(REMEMBERED_TOKENS)
def _access(token: str) -> Access:
    """Raises AuthenticationFailed, which is not remembered, for a token that is not good."""
    payload = internal.decode_token(token, "access")
    session_key = internal.session_key_from_sid(payload["sid"]) if payload else None
    if payload is None or not session_key:
        raise AuthenticationFailed("Invalid token.")
    return Access(payload, session_key)
