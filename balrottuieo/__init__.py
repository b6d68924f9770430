"""발로뛰어: wiring only (settings, routes, servers, task queue)."""

from balrottuieo.celery import app as celery_app

# Loaded with the project, so that tasks called from a web process reach the same queue.
__all__ = ["celery_app"]
