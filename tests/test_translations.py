"""Everything people read stands in both languages, complete and with the same gaps to fill."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog, Message
from babel.messages.pofile import read_po
from django.conf import settings
from django.core.management import call_command
from pytest_django import Settings

ROOT = Path(__file__).resolve().parents[1]
SOURCES = ("accounts", "balrottuieo", "common", "dispatch", "errands", "payments", "templates")
LANGUAGES = ("ko", "en")
GAP = re.compile(r"%\(\w+\)[sd]|\{\w*\}|%[sd]|</?\w+>")
HANGUL = re.compile("[가-힣]")
SAME_IN_KOREAN = frozenset({"%s m"})  # units are international


def merged(language: str, directory: Path) -> Catalog:
    """The catalogue of a language, brought up to date with the source by Django itself."""
    with (directory / "locale" / language / "LC_MESSAGES" / "django.po").open("rb") as file:
        return read_po(file, locale=language)


@pytest.fixture(scope="module")
def up_to_date(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the source after `make messages`."""
    directory = tmp_path_factory.mktemp("messages")
    for name in (*SOURCES, "locale"):
        shutil.copytree(ROOT / name, directory / name, ignore=shutil.ignore_patterns("*.pyc"))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(directory)
        patch.setattr(settings, "LOCALE_PATHS", [directory / "locale"])
        call_command("makemessages", locale=list(LANGUAGES), no_wrap=True, verbosity=0)
    return directory


def texts(message: Message) -> list[str]:
    """What stands in the catalogue: one text, or one for each plural form."""
    found = message.string or ""
    return [found] if isinstance(found, str) else list(found)


def key(message: Message) -> str:
    return message.id if isinstance(message.id, str) else message.id[-1]


def messages(catalogue: Catalog) -> list[Message]:
    return [message for message in catalogue if message.id]


@pytest.mark.parametrize("language", LANGUAGES)
def test_nothing_is_untranslated(up_to_date: Path, language: str) -> None:
    found = messages(merged(language, up_to_date))
    assert len(found) > 100
    assert [each.id for each in found if not all(texts(each))] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_nothing_is_guessed_or_left_over(up_to_date: Path, language: str) -> None:
    catalogue = merged(language, up_to_date)
    assert [each.id for each in messages(catalogue) if each.fuzzy] == []
    assert list(catalogue.obsolete) == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_translation_has_the_gaps_of_its_original(up_to_date: Path, language: str) -> None:
    wrong = [
        (each.id, text)
        for each in messages(merged(language, up_to_date))
        for text in texts(each)
        if set(GAP.findall(text)) != set(GAP.findall(key(each)))
    ]
    assert wrong == []


def test_korean_is_korean(up_to_date: Path) -> None:
    foreign = [
        each.id
        for each in messages(merged("ko", up_to_date))
        if not HANGUL.search("".join(texts(each))) and each.id not in SAME_IN_KOREAN
    ]
    assert foreign == []


def test_what_the_admin_package_says_is_korean_too(settings: Settings) -> None:
    path = ROOT / "locale" / "unfold" / "ko" / "LC_MESSAGES" / "django.po"
    with path.open("rb") as file:
        catalogue = read_po(file, locale="ko")
    assert path.parents[2] in [Path(each) for each in settings.LOCALE_PATHS]
    assert all(all(texts(each)) for each in messages(catalogue))
