"""What the tests of the staff's errand pages share."""

from __future__ import annotations

import re
from html import unescape
from typing import Any

from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse

from accounts.models import User
from errands.models import Errand
from tests.conftest import make_user

DIALOG = {"_form_submitted": "on"}
LISTS = ["errand", "quote", "review", "areacondition", "terms"]


def clerk(client: Client, *codenames: str) -> Client:
    """Log in someone of the staff who has only these permissions."""
    user = make_user("erin")
    User.objects.filter(pk=user.pk).update(is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=codenames))
    client.force_login(user)
    return client


def page_of(errand: Errand, action: str = "change") -> str:
    return f"/admin/errands/errand/{errand.pk}/{action}/"


def list_of(name: str) -> str:
    return reverse(f"admin:errands_{name}_changelist")


def text_of(answer: Any) -> str:
    """The words of a page, without its marks."""
    text = unescape(re.sub(r"<[^>]+>", " ", answer.content.decode()))
    return re.sub(r"\s+", " ", text)


def level_of(client: Client, errand: Errand) -> list[str]:
    shown = client.get(page_of(errand)).context["messages"]
    return [message.level_tag for message in shown]


def state_of(errand: Errand) -> str:
    return Errand.objects.get(pk=errand.pk).state
