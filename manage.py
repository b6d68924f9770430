#!/usr/bin/env python
"""Django's command line."""

import os
import sys
from pathlib import Path

from django.core.management import execute_from_command_line
from dotenv import load_dotenv

RUN_ENV = Path(__file__).resolve().parent / "var" / "run.env"


def main() -> None:
    # While `make run` runs here, commands speak to it; servers never read this file.
    load_dotenv(RUN_ENV)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "balrottuieo.settings")
    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
