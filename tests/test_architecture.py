"""What the picture promises, checked: contracts, migrations, configuration, one way to write."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from django.core.management import call_command

ROOT = Path(__file__).resolve().parents[1]
APPS = ("accounts", "common", "dispatch", "errands", "payments")
BANNED = {"atomic", "select_for_update", "post_save", "pre_save"}
VARIABLE = re.compile(r"\b(?:env|environ)\.\w+\(\s*\"([A-Z][A-Z0-9_]*)\"")


def product_files() -> Iterator[Path]:
    for app in APPS:
        for path in (ROOT / app).rglob("*.py"):
            if "migrations" not in path.parts and path.relative_to(ROOT) != Path("common/db.py"):
                yield path


def names_in(path: Path) -> Iterator[tuple[int, str]]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Attribute):
            yield node.lineno, node.attr
        elif isinstance(node, ast.Name):
            yield node.lineno, node.id


def test_imports_keep_the_contracts() -> None:
    program = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run((program, "--no-cache"), cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


@pytest.mark.django_db
def test_every_change_of_a_model_has_its_migration() -> None:
    call_command("makemigrations", check=True, dry_run=True, verbosity=0)


def uses_of_banned_names(path: Path) -> list[str]:
    return [f"{path}:{line} uses {name}" for line, name in names_in(path) if name in BANNED]


def test_transactions_and_state_go_through_one_door() -> None:
    files = list(product_files())
    assert len(files) > 20
    assert not [use for path in files for use in uses_of_banned_names(path)]


def test_the_check_for_banned_names_can_fail(tmp_path: Path) -> None:
    bad = tmp_path / "services.py"
    bad.write_text("with transaction.atomic():\n    rows.select_for_update()\n")
    assert len(uses_of_banned_names(bad)) == 2


def variables_read() -> set[str]:
    read = {"balrottuieo/settings.py", "deploy/gunicorn_conf.py"}
    return {name for file in read for name in VARIABLE.findall((ROOT / file).read_text())}


def variables_explained() -> set[str]:
    lines = (ROOT / ".env.example").read_text(encoding="utf-8").splitlines()
    return {found[1] for line in lines if (found := re.match(r"#([A-Z0-9_]+)=", line))}


def test_every_variable_is_explained_and_none_is_made_up() -> None:
    assert len(variables_read()) > 10
    assert variables_explained() == variables_read() | {"HOST", "PORT", "ROBOTS"}


def private_key() -> str:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode("ascii")


def production() -> dict[str, str]:
    """A full environment: what .env.example marks with a star, and nothing of this machine."""
    return {
        "PATH": os.environ["PATH"],
        "DEBUG": "false",
        "SANDBOX": "false",
        "SECRET_KEY": "k7#pQ2z!" * 8,
        "FIELD_KEYS": Fernet.generate_key().decode(),
        "ALLOWED_HOSTS": "balrottuieo.example",
        "CSRF_TRUSTED_ORIGINS": "https://balrottuieo.example",
        "PUBLIC_URL": "https://balrottuieo.example",
        "DATABASE_URL": "postgres://user:word@127.0.0.1:5432/name",
        "REDIS_URL": "redis://127.0.0.1:6379/0",
        "CELERY_BROKER_URL": "amqp://guest:guest@127.0.0.1//",
        "JWT_PRIVATE_KEY": private_key(),
        "PAYMENT_GATEWAY": "tests.payments.gateway.MemoryGateway",
        "HOLDER_CHECK": "tests.payments.holders.MemoryHolders",
        "EMAIL_URL": "smtp+tls://user:word@mail.example:587",
    }


def manage(*command: str, env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        (sys.executable, "manage.py", *command),
        cwd=ROOT,
        env=env,
        capture_output=True,
        text=True,
    )


def test_a_full_production_environment_has_no_warning() -> None:
    done = manage("check", "--deploy", "--fail-level", "WARNING", env=production())
    assert done.returncode == 0, done.stderr
    assert "no issues" in done.stdout


def test_production_does_not_pretend_payments() -> None:
    env = production()
    del env["PAYMENT_GATEWAY"]
    done = manage("check", env=env)
    assert done.returncode != 0
    assert "payments.E001" in done.stderr


def test_production_does_not_pretend_to_know_holders() -> None:
    env = production()
    del env["HOLDER_CHECK"]
    done = manage("check", env=env)
    assert done.returncode != 0
    assert "payments.E003" in done.stderr


def test_the_sandbox_of_make_run_has_no_warning() -> None:
    sandbox = {"PATH": os.environ["PATH"], "DEBUG": "true", "SANDBOX": "true"}
    done = manage("check", "--fail-level", "WARNING", env=sandbox)
    assert done.returncode == 0, done.stderr


NEEDED = [
    *("SECRET_KEY", "FIELD_KEYS", "ALLOWED_HOSTS", "PUBLIC_URL", "DATABASE_URL", "REDIS_URL"),
    "JWT_PRIVATE_KEY",
]


@pytest.mark.parametrize("name", NEEDED)
def test_production_does_not_start_without(name: str) -> None:
    env = production()
    del env[name]
    done = manage("check", env=env)
    assert done.returncode != 0
    assert name in done.stderr


def test_a_switch_that_is_neither_on_nor_off_is_refused() -> None:
    done = manage("check", env={**production(), "DEBUG": "maybe"})
    assert done.returncode != 0
    assert "DEBUG" in done.stderr
