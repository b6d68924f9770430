"""The roles of staff who handle money: groups, with what each may do."""

from __future__ import annotations

from django.contrib.auth.models import Group, Permission
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from common.db import in_one_unit
from common.errors import Conflict, Invalid, NotFound

BOOKS = ("payment", "refund", "transfer", "account", "payout", "payoutbatch", "bankaccount")
LOOKING = tuple(f"view_{name}" for name in ("payment", "refund", "staffrefund"))
# How much each may give back alone stands in ``STAFF_REFUND_LIMITS``.
ROLES: dict[str, tuple[str, ...]] = {
    "support": ("give_refund", *LOOKING),
    "finance-lead": ("give_refund", "finance", *LOOKING, *(f"view_{name}" for name in BOOKS)),
}


@in_one_unit
def role_set(*, email: str, role: str, has: bool) -> None:
    """Give a person of the staff a role, or take it; done twice it is the same.

    Raises:
        Invalid: ``role_unknown``; NotFound: no such person; Conflict: ``not_staff``.
    """
    if role not in ROLES:
        raise Invalid("role_unknown", _("There is no such role."), field="role")
    user = User.objects.filter(email=email.lower()).first()
    if user is None:
        raise NotFound
    if has and not user.is_staff:
        raise Conflict("not_staff", _("This is nobody of the staff."))
    group, _made = Group.objects.get_or_create(name=role)
    group.permissions.set(
        Permission.objects.filter(content_type__app_label="payments", codename__in=ROLES[role])
    )
    (user.groups.add if has else user.groups.remove)(group)
