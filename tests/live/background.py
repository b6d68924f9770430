"""Something that goes on beside a test."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Self


class Background:
    """Works on a thread of its own until the `with` block ends; what it raised is raised there."""

    def __init__(self) -> None:
        self.over = threading.Event()
        self._pool = ThreadPoolExecutor(1)

    def work(self) -> None:
        """Go on until `over` is set."""
        raise NotImplementedError

    @property
    def alive(self) -> bool:
        return not self._future.done()

    def __enter__(self) -> Self:
        self._future = self._pool.submit(self.work)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.over.set()
        self._pool.shutdown()
        if error is None:
            self._future.result()
