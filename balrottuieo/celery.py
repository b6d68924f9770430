"""The worker's wiring and everything that runs by itself."""

from __future__ import annotations

import os

from celery import Celery
from celery.signals import before_task_publish

from common.broker.topology import leave_expiry_to_workers

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "balrottuieo.settings")

app = Celery("balrottuieo", task_cls="common.broker.base:PatientTask")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
app.steps["consumer"].add("common.broker.worker:DeadLetters")
before_task_publish.connect(leave_expiry_to_workers)

# Each entry repairs what a lost message may have left; all of them are safe to run twice.
# With `expires` a worker throws away what piled up while there was none: until then it lies in the
# queue, `MOST_WAITING` messages of it at most. A busy one may be late, though.
app.conf.beat_schedule = {
    name: {"task": task, "schedule": seconds, "options": {"expires": max(seconds, 10.0)}}
    for name, task, seconds in (
        ("match open errands", "dispatch.tasks.sweep_matching", 2.0),
        ("expire offers", "dispatch.tasks.sweep_offers", 2.0),
        ("open what is paid", "errands.tasks.sweep_funded", 20.0),
        ("expire errands", "errands.tasks.sweep_expired", 20.0),
        ("confirm delivered errands", "errands.tasks.sweep_unconfirmed", 60.0),
        ("send refunds", "payments.tasks.sweep_refunds", 30.0),
        ("finish and expire orders", "payments.tasks.sweep_orders", 30.0),
        ("ask for weekly payouts", "payments.tasks.sweep_payouts", 300.0),
        # Of yesterday: four times, as the gateway may be silent at one.
        ("compare the books", "payments.tasks.sweep_books", 21600.0),
        ("look into webhooks", "payments.tasks.sweep_webhooks", 30.0),
        ("forget old trails and messages", "dispatch.tasks.sweep_old", 3600.0),
        ("forget ended sessions", "accounts.tasks.sweep_sessions", 86400.0),
        ("collect dead letters", "common.tasks.sweep_dead_letters", 10.0),
        ("forget answered requests", "errands.tasks.sweep_answered_requests", 3600.0),
    )
}
