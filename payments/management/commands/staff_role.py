"""``manage.py staff_role``: who of the staff may do what with money."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from common.errors import DomainError
from payments.services import ROLES, role_set


class Command(BaseCommand):
    help = "Give a person of the staff a role with money, or take it."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("email")
        parser.add_argument("role", choices=sorted(ROLES))
        parser.add_argument("--take", action="store_true", help="take the role from the person")

    def handle(self, *args: Any, **options: Any) -> None:
        email, role, take = options["email"], options["role"], options["take"]
        try:
            role_set(email=email, role=role, has=not take)
        except DomainError as refusal:
            raise CommandError(f"{email}: {refusal}") from refusal
        self.stdout.write(f"{email} {'is no longer' if take else 'is now'} {role}")
