"""What sign-up asks for and stores, beyond what allauth does by itself."""

from __future__ import annotations

from typing import Any, NamedTuple
from urllib.parse import urlsplit

from allauth.account.adapter import DefaultAccountAdapter
from django import forms
from django.conf import settings
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from accounts import policy
from accounts.models import User


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
