"""Rules about people as plain arithmetic and tables: age, nicknames, strikes. No Django here."""

from __future__ import annotations

import secrets
import unicodedata
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

KOREA = ZoneInfo("Asia/Seoul")
MIN_AGE = 19
OLDEST_BIRTH = date(1900, 1, 1)
# The same words as errands.states.Kind; a test compares them, since errands stands above us.
KINDS = ("delivery", "purchase", "queue", "help")
MAX_KG, MAX_BAGS = 30, 10
STRIKES_TO_PAUSE = 3
STRIKE_WINDOW = timedelta(days=14)
NICKNAME_MIN, NICKNAME_MAX = 2, 30

MOODS = (
    "부지런한", "씩씩한", "다정한", "든든한", "재빠른", "꼼꼼한", "상냥한", "느긋한",
    "용감한", "명랑한", "반가운", "산뜻한", "활기찬", "믿음직한", "웃음많은", "발빠른",
)  # fmt: skip
ANIMALS = (
    "다람쥐", "너구리", "고라니", "두루미", "까치", "토끼", "수달", "강아지",
    "고양이", "거북이", "참새", "산양", "여우", "제비", "기러기", "오소리",
)  # fmt: skip


def age_on(birth_date: date, today: date) -> int:
    """Return full years of age (만 나이); a leap-day birthday counts from 1 March."""
    had_birthday = (today.month, today.day) >= (birth_date.month, birth_date.day)
    return today.year - birth_date.year - (not had_birthday)


def korean_date(now: datetime) -> date:
    """Return the calendar date in Korea at the moment ``now``."""
    return now.astimezone(KOREA).date()


def may_run(birth_date: date, now: datetime) -> bool:
    """Tell whether someone born on ``birth_date`` is 19 or older in Korea at ``now``."""
    return age_on(birth_date, korean_date(now)) >= MIN_AGE


def tidy_nickname(text: str) -> str:
    """Return ``text`` composed (NFC), without spaces around it."""
    return unicodedata.normalize("NFC", text).strip()


def is_nickname(text: str) -> bool:
    """Tell whether ``text`` has 2–30 characters, none of them invisible or controlling."""
    # Every category C*, Zl and Zp: control, direction overrides, zero width, line separators.
    visible = all(unicodedata.category(char)[0] != "C" for char in text)
    one_line = not any(unicodedata.category(char) in {"Zl", "Zp"} for char in text)
    return NICKNAME_MIN <= len(text) <= NICKNAME_MAX and visible and one_line


def friendly_nickname() -> str:
    """Return a nickname for someone who gave none, such as ``부지런한 다람쥐 4821``."""
    number = 1000 + secrets.randbelow(9000)
    return f"{secrets.choice(MOODS)} {secrets.choice(ANIMALS)} {number}"
