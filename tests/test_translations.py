"""Korean is the first language: no text without it, and no broken placeholder."""

from __future__ import annotations

from pathlib import Path

import pytest
from babel.messages.catalog import Catalog, Message
from babel.messages.pofile import read_po

CATALOGUES = sorted(Path(__file__).resolve().parents[1].glob("locale/*/LC_MESSAGES/*.po"))


def messages(path: Path) -> tuple[Catalog, list[Message]]:
    with path.open("rb") as file:
        catalog = read_po(file, locale=path.parts[-3])
    return catalog, [message for message in catalog if message.id]


@pytest.fixture(params=CATALOGUES, ids=lambda path: f"{path.parts[-3]}-{path.stem}")
def path(request: pytest.FixtureRequest) -> Path:
    return Path(request.param)


def test_there_is_a_korean_catalogue() -> None:
    assert "ko" in {path.parts[-3] for path in CATALOGUES}


def test_placeholders_are_the_same_on_both_sides(path: Path) -> None:
    catalog, found = messages(path)
    broken = [(message.id, str(error)) for message in found for error in message.check(catalog)]
    assert not broken


def test_nothing_is_a_guess(path: Path) -> None:
    assert not [message.id for message in messages(path)[1] if message.fuzzy]


def test_every_text_has_its_korean(path: Path) -> None:
    empty = [m.id for m in messages(path)[1] if not m.string and path.parts[-3] == "ko"]
    assert not empty
