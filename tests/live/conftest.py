"""What the live tests have to tell is told after the run: what was done, and how it went."""

from __future__ import annotations

from collections.abc import Callable

import pytest

TOLD = pytest.StashKey[list[str]]()


@pytest.fixture
def tell(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Say a line in the summary of the run."""
    told = request.config.stash.setdefault(TOLD, [])
    return told.append


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if told := terminalreporter.config.stash.get(TOLD, []):
        terminalreporter.section("what was done, and what it did")
        for line in told:
            terminalreporter.write_line(line)
