"""The holes that the thin engine closes, each on the real server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import chain
from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission
from django.db import IntegrityError, NotSupportedError, connection, models
from django.db.models import OuterRef, Subquery
from django.db.models.query import QuerySet

from accounts.models import RunnerProfile, User
from common.mongodb.fields import integer_key
from dispatch.models import Offer, OfferState
from errands.models import Errand
from tests.conftest import make_runner, make_user
from tests.races.crowd import MANY, at_once
from tests.scale.asked import asked
from tests.scale.plans import explain

pytestmark = pytest.mark.django_db(transaction=True)


def stages(query: QuerySet[Any]) -> set[str]:
    """The names of all stages of the plan that the server chose."""

    def names(node: object) -> Iterator[str]:
        if isinstance(node, dict):
            if isinstance(node.get("stage"), str):
                yield node["stage"]
            for inner in node.values():
                yield from names(inner)
        elif isinstance(node, list):
            for inner in node:
                yield from names(inner)

    plan = json.loads(query.explain())
    winning = plan.get("queryPlanner") or plan["stages"][0]["$cursor"]["queryPlanner"]
    return set(names(winning["winningPlan"]))


def test_a_pattern_is_no_password(alice: User) -> None:
    assert not User.objects.filter(email__iexact=".*").exists()
    assert User.objects.get(email__iexact="ALICE@example.com") == alice


def test_a_unique_value_is_found_by_its_index(alice: User) -> None:
    assert "IXSCAN" in stages(User.objects.filter(email=alice.email))
    assert "COLLSCAN" not in stages(Errand.objects.filter(tracking_token="x"))


def test_a_unique_condition_is_found_by_its_index() -> None:
    offered = Offer.objects.filter(errand_id=make_user("x").pk, state=OfferState.OFFERED)
    assert "IXSCAN" in stages(offered)


def test_sorting_is_done_by_an_index(alice: User) -> None:
    assert "SORT" not in stages(User.objects.order_by("-id"))
    assert "SORT" not in stages(Errand.objects.filter(requester=alice).order_by("-id"))


def test_sorting_comes_before_leaving_fields_out(alice: User) -> None:
    areas = Errand.objects.order_by("-id").values_list("area", "pickup_address")[:10]
    assert not stages(areas) & {"SORT", "COLLSCAN"}


def test_what_is_prefetched_is_found_by_its_key(bob: User) -> None:
    with asked() as statements:
        (profile,) = RunnerProfile.objects.prefetch_related("user")
    assert profile.user == bob
    assert [explain(statement).scanned for statement in statements] == [
        ["accounts_runnerprofile"], []
    ]  # fmt: skip


def test_an_update_by_a_subquery_is_refused(bob: User) -> None:
    theirs = User.objects.filter(pk=OuterRef("user_id")).values("nickname")[:1]
    with pytest.raises(NotSupportedError):
        RunnerProfile.objects.update(introduction=Subquery(theirs))
    assert RunnerProfile.objects.get().introduction == ""


def test_a_new_field_s_default_is_a_value(bob: User) -> None:
    field: Any = models.JSONField(default=dict)
    field.set_attributes_from_name("extras")
    with connection.schema_editor() as editor:
        editor.add_field(RunnerProfile, field)
    mongodb: Any = connection
    table = mongodb.get_collection(RunnerProfile._meta.db_table)
    assert [row["extras"] for row in table.find()] == [{}]


def test_our_key_is_the_document_s_own(alice: User) -> None:
    mongodb: Any = connection
    (row,) = mongodb.get_collection(User._meta.db_table).find()
    assert row["_id"] == alice.pk.hex
    assert "id" not in row


def test_django_s_own_keys_are_whole_numbers() -> None:
    groups = [Group.objects.create(name=f"group {number}") for number in range(50)]
    keys = [group.pk for group in groups]
    assert all(isinstance(key, int) for key in keys)
    assert keys == sorted(set(keys))


def test_keys_made_at_once_are_all_different() -> None:
    made = at_once(lambda _number: [integer_key() for _each in range(2_000)])
    assert len(set(chain(*made))) == MANY * 2_000


def test_a_member_of_staff_has_the_rights_of_their_groups() -> None:
    carol = make_user("carol")
    group = Group.objects.create(name="finance")
    group.permissions.add(Permission.objects.get(codename="change_refund"))
    carol.groups.add(group)
    carol = User.objects.get(pk=carol.pk)
    assert carol.has_perm("payments.change_refund")
    assert not carol.has_perm("payments.change_payment")


def test_a_value_that_must_be_single_is(bob: User) -> None:
    with pytest.raises(IntegrityError):
        make_runner("bob")
    with pytest.raises(IntegrityError):
        RunnerProfile.objects.create(user=bob, birth_date="2000-01-01")
