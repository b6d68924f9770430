"""What the person at the terminal sees: prefixed lines, and one box that says where to look."""

import os
import sys
import threading
import unicodedata
from contextlib import suppress

from balrottuieo.supervisor.plan import NAMES, Plan

COLOURS = dict(zip(NAMES, (31, 36, 34, 33, 35, 32), strict=True))
BOLD = 1


class Console:
    """Whole lines only, from any thread. A closed terminal is no reason to stop the product."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._colour = sys.stdout.isatty() and "NO_COLOR" not in os.environ

    def say(self, text: str) -> None:
        """Something the supervisor itself has to say."""
        self.line("run", text)

    def line(self, name: str, text: str) -> None:
        """One line of a child, behind its name."""
        prefix = self._paint(f"{name:>7} |", COLOURS.get(name, BOLD))
        self.write(f"{prefix} {text}")

    def write(self, text: str) -> None:
        with self._lock, suppress(OSError, ValueError):
            print(text, flush=True)

    def _paint(self, text: str, code: int) -> str:
        return f"\033[{code}m{text}\033[0m" if self._colour else text


def width(text: str) -> int:
    """Columns on a terminal: Korean letters take two."""
    return sum(2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in text)


def box(lines: list[str]) -> str:
    """The lines inside a frame."""
    wide = max(map(width, lines), default=0)
    rule = "─" * (wide + 4)
    body = [f"│  {line}{' ' * (wide - width(line))}  │" for line in lines]
    return "\n".join([f"┌{rule}┐", *body, f"└{rule}┘"])


def welcome(plan: Plan, *, demo: list[str]) -> str:
    """Where to look, how to sign in (the lines the `demo` command printed), how to stop."""
    moving = (
        "12 robot runners are walking: watch the live map." if plan.robots else "Robots are off."
    )
    places = [
        ("Landing page", "/"),
        ("Live map", "/admin/live-map/"),
        ("Admin", "/admin/"),
        ("API docs", "/api/docs/"),
        ("  as Redoc", "/api/redoc/"),
    ]
    where = [f"{name:<14}{plan.url}{path}" for name, path in places]
    sockets = f"{'WebSockets':<14}{plan.sockets_url.replace('http', 'ws', 1)}/ws/"
    sign_in = ["", *demo] if demo else []
    return box(
        ["발로뛰어 is running", "", *where, sockets, *sign_in, "", moving, "Stop with Ctrl-C."]
    )
