from __future__ import annotations

import json
from typing import Any

import pytest
from cryptography.fernet import Fernet, InvalidToken
from django.core import serializers
from django.core.exceptions import FieldError
from django.core.management import call_command
from django.db import connection
from pytest_django import Settings

from accounts.models import User
from common import clock
from common.configuration import check_field_keys
from common.sealed import MASK, Secret, reseal
from payments.models import BankAccount

pytestmark = pytest.mark.django_db

NUMBER = "11012345678901"


@pytest.fixture
def account(bob: User) -> BankAccount:
    return BankAccount.objects.create(
        user=bob, bank="088", holder="밥", number=Secret(NUMBER), last4="8901",
        checked_at=clock.now(),
    )  # fmt: skip


def stored(account: BankAccount) -> str:
    """What the table itself holds."""
    if connection.vendor == "mongodb":
        engine: Any = connection
        rows = engine.get_collection("payments_bankaccount")
        return str(rows.find_one(session=engine.session)["number"])
    with connection.cursor() as cursor:
        cursor.execute("SELECT number FROM payments_bankaccount")
        return str(cursor.fetchone()[0])


def test_the_database_never_sees_the_text(account: BankAccount) -> None:
    assert NUMBER not in stored(account)
    assert stored(account).startswith("gAAAA")
    account.refresh_from_db()
    assert account.number.reveal() == NUMBER
    assert account.resident_number is None


def test_a_secret_shows_itself_only_when_asked() -> None:
    secret = Secret(NUMBER)
    shown = f"{secret} {secret!r} {secret!s} {[secret]} %s" % (secret,)
    assert NUMBER not in shown
    assert shown.count(MASK) == 5


def test_the_same_text_is_sealed_differently() -> None:
    assert Secret(NUMBER) != Secret(NUMBER)
    one = Secret(NUMBER)
    assert len({one, Secret(token=one.token)}) == 1


def test_saving_again_keeps_what_is_stored(account: BankAccount) -> None:
    before = stored(account)
    account.refresh_from_db()
    account.save()
    assert stored(account) == before


def test_a_plain_text_is_refused_without_being_shown(account: BankAccount) -> None:
    with pytest.raises(FieldError) as refusal:
        BankAccount.objects.filter(pk=account.pk).update(number=NUMBER)
    assert NUMBER not in str(refusal.value)


def test_a_dump_holds_no_text(account: BankAccount) -> None:
    dump = serializers.serialize("json", [account])
    assert NUMBER not in dump
    assert json.loads(dump)[0]["fields"]["number"] == account.number.token


def test_a_key_is_changed(account: BankAccount, settings: Settings) -> None:
    old, new = settings.FIELD_KEYS[0], Fernet.generate_key().decode()
    settings.FIELD_KEYS = [new, old]
    call_command("reseal", verbosity=0)
    settings.FIELD_KEYS = [new]
    account.refresh_from_db()
    assert account.number.reveal() == NUMBER
    settings.FIELD_KEYS = [old]
    with pytest.raises(InvalidToken):
        account.number.reveal()


def test_resealing_leaves_alone_what_changed_meanwhile(
    account: BankAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    reveal = Secret.reveal

    def changes_first(secret: Secret) -> str:
        BankAccount.objects.filter(pk=account.pk).update(number=Secret("22255566677"))
        return reveal(secret)

    monkeypatch.setattr(Secret, "reveal", changes_first)
    assert reseal() == 0
    monkeypatch.undo()
    account.refresh_from_db()
    assert account.number.reveal() == "22255566677"


@pytest.mark.parametrize("keys", [[], ["short"], [Fernet.generate_key().decode(), ""]])
def test_what_is_no_key_is_noticed(settings: Settings, keys: list[str]) -> None:
    settings.FIELD_KEYS = keys
    assert [found.id for found in check_field_keys()] == ["common.E004"]


def test_the_development_key_is_refused_in_production(settings: Settings) -> None:
    assert settings.DEBUG is False
    settings.FIELD_KEYS = [Fernet.generate_key().decode(), settings.DEVELOPMENT_FIELD_KEY]
    assert [found.id for found in check_field_keys()] == ["common.E005"]
    settings.DEBUG = True
    assert check_field_keys() == []
