"""WSGI entry point: REST, pages and the admin under gunicorn."""

from __future__ import annotations

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "balrottuieo.settings")

application = get_wsgi_application()
