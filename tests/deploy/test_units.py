"""The units of systemd start what `make run` starts, and systemd understands them."""

from __future__ import annotations

import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from balrottuieo.queues import LANES
from balrottuieo.supervisor.plan import (
    beat_command,
    sockets_command,
    web_command,
    worker_command,
)

UNITS = Path(__file__).resolve().parents[2] / "deploy" / "units"
PYTHON = "/srv/balrottuieo/.venv/bin/python"
COMMANDS = {
    "web": web_command("127.0.0.1", 8000),
    "sockets": sockets_command("127.0.0.1", 8001),
    **{lane: worker_command(lane) for lane in LANES},
    "beat": beat_command(Path("/var/lib/balrottuieo")),
}


def started_by(unit: Path) -> list[str]:
    (line,) = (line for line in unit.read_text().splitlines() if line.startswith("ExecStart="))
    return shlex.split(line.removeprefix("ExecStart=").replace("%%", "%"))


def systemd(*arguments: str) -> subprocess.CompletedProcess[str]:
    analyze = ("systemd-analyze", "--man=no", *arguments)
    return subprocess.run(analyze, capture_output=True, text=True, check=False)


@pytest.fixture
def installed(tmp_path: Path) -> list[str]:
    """The units as on a machine that has the product, which this Python stands for."""
    shutil.copytree(UNITS, tmp_path, dirs_exist_ok=True)
    units = sorted(tmp_path.glob("*.service"))
    for unit in units:
        unit.write_text(unit.read_text().replace(PYTHON, sys.executable))
    return [str(unit) for unit in units]


def test_each_process_has_a_unit() -> None:
    names = {unit.stem.removeprefix("balrottuieo-") for unit in UNITS.glob("*.service")}
    assert names == set(COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_a_unit_starts_what_make_run_starts(name: str) -> None:
    command = started_by(UNITS / f"balrottuieo-{name}.service")
    assert command == [PYTHON, *COMMANDS[name][1:]]


def test_systemd_has_nothing_to_complain_about(installed: list[str]) -> None:
    done = systemd("verify", *installed)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_the_units_are_closed_off(installed: list[str]) -> None:
    """systemd counts from 0, nothing exposed, to 100."""
    done = systemd("security", "--offline=true", "--threshold=20", *installed)
    assert done.returncode == 0, done.stdout
