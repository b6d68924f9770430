from __future__ import annotations

from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from accounts.models import User
from payments.services import GIVE, ROLES, limit_of, role_set
from tests.conftest import refused

pytestmark = pytest.mark.django_db


@pytest.fixture
def clerk(charlie: User) -> User:
    User.objects.filter(pk=charlie.pk).update(is_staff=True)
    return charlie


def again(user: User) -> User:
    return User.objects.get(pk=user.pk)


def test_a_role_is_given_and_taken(clerk: User) -> None:
    said = StringIO()
    assert not again(clerk).has_perm(GIVE)
    for _twice in range(2):
        call_command("staff_role", clerk.email, "support", stdout=said)
    assert again(clerk).has_perm(GIVE)
    assert not again(clerk).has_perm("payments.finance")
    assert limit_of(again(clerk)) == 30_000
    call_command("staff_role", clerk.email, "finance-lead", stdout=said)
    assert again(clerk).has_perm("payments.finance")
    assert limit_of(again(clerk)) == 300_000
    for role in ROLES:
        call_command("staff_role", clerk.email, role, "--take", stdout=said)
    assert (again(clerk).has_perm(GIVE), limit_of(again(clerk))) == (False, 0)
    assert "is no longer support" in said.getvalue()


def test_every_permission_of_a_role_exists(clerk: User) -> None:
    for role, codes in ROLES.items():
        role_set(email=clerk.email, role=role, has=True)
        mine = again(clerk).get_all_permissions()
        assert {f"payments.{code}" for code in codes} <= mine


def test_only_staff_have_roles(alice: User) -> None:
    with refused("not_staff"):
        role_set(email=alice.email, role="support", has=True)
    with refused("role_unknown"):
        role_set(email=alice.email, role="king", has=True)
    with pytest.raises(CommandError, match="nobody"):
        call_command("staff_role", "nobody@example.com", "support")
    assert not again(alice).groups.exists()
