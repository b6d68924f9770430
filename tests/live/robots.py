"""``manage.py simulate`` beside a running product, and what a good run looks like."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.live.product import Product, environment
from tests.services import wait_for


class Robots:
    """``manage.py simulate`` as a child process; ends with the ``with`` block."""

    def __init__(self, checkout: Path, product: Product, *options: str) -> None:
        size = ("--runners", "10", "--errands", "15", "--speed", "120", "--minutes", "3")
        self._process = subprocess.Popen(
            (sys.executable, "manage.py", "simulate", "--json", "--base-url", product.url,
             *size, *options),
            cwd=checkout,
            env=environment(DEBUG="true", SANDBOX="true"),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )  # fmt: skip
        self.told = ""
        self.summary: dict[str, Any] = {}
        self._readers = [threading.Thread(target=self._listen), threading.Thread(target=self._read)]
        for reader in self._readers:
            reader.start()

    def reach(self, state: str, *, seconds: float = 90) -> None:
        """Wait until the progress names an errand in ``state``."""
        named = re.compile(rf"· (?:{state}) \d")
        wait_for(lambda: bool(named.search(self.told)), what=f"{state} errands", seconds=seconds)

    def ended(self) -> int:
        code = self._process.wait(240)
        for reader in self._readers:
            reader.join(10)
        return code

    def stop(self) -> int:
        self._process.send_signal(signal.SIGTERM)
        return self.ended()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._process.poll() is None:
            self._process.kill()
            self.ended()
        for stream in (self._process.stdout, self._process.stderr):
            if stream is not None:
                stream.close()

    def _listen(self) -> None:
        for line in self._process.stderr or ():
            self.told += line

    def _read(self) -> None:
        text = self._process.stdout.read() if self._process.stdout else ""
        self.summary = json.loads(text) if text.startswith("{") else {}


def assert_good(robots: Robots) -> None:
    """Every errand is over, no socket lost or doubled a message, and the audit explains it all.

    Of fifteen errands one that a robot gives up is 7 %: how many are completed is left to longer
    runs, as long as most are.
    """
    told = f"{robots.summary}\n{robots.told}"
    summary = robots.summary
    assert summary["audit"]["clean"], told
    assert summary["posted"] == 15, told
    assert summary["still_live"] == 0, told
    assert summary["completed_percent"] >= 75, told
    assert [reason for reason in summary["failed"] if "% completed" not in reason] == [], told
    assert not {"sequence_gap", "sequence_repeated"} & set(summary["errors"]), told
