"""What early ends cost becomes rows with a date; the first say what held until now."""

import common.clock
import common.ids
import django.db.models.deletion
from datetime import UTC, datetime
from django.conf import settings
from django.db import migrations, models

BEGINNING = datetime(2000, 1, 1, tzinfo=UTC)
NOTHING, HALF, WHOLE, STRIKE = (0, False), (50, False), (100, False), (0, True)
TABLE = [
    ("cancel", "open", "none", 0, NOTHING),
    ("cancel", "assigned", "none", 0, NOTHING),
    ("cancel", "assigned", "none", 5, (30, False)),
    ("cancel", "at_pickup", "none", 0, HALF),
    ("drop", "assigned", "none", 0, NOTHING),
    ("drop", "assigned", "none", 1, STRIKE),
    ("drop", "at_pickup", "none", 0, NOTHING),
    ("drop", "at_pickup", "none", 1, STRIKE),
    ("fail", "assigned", "excused", 0, HALF),
    ("fail", "assigned", "unproven", 0, NOTHING),
    ("fail", "assigned", "runner", 0, STRIKE),
    ("fail", "at_pickup", "excused", 0, HALF),
    ("fail", "at_pickup", "unproven", 0, NOTHING),
    ("fail", "at_pickup", "runner", 0, STRIKE),
    ("fail", "picked_up", "excused", 0, HALF),
    ("fail", "picked_up", "unproven", 0, NOTHING),
    ("fail", "picked_up", "runner", 0, STRIKE),
    ("hand_back", "returning", "excused", 0, WHOLE),
    ("hand_back", "returning", "unproven", 0, HALF),
    ("hand_back", "returning", "runner", 0, STRIKE),
]


def write_first(apps, schema_editor):
    Terms = apps.get_model("errands", "Terms")
    rows = [
        {
            "move": move, "state": state, "fault": fault, "after_minutes": after,
            "runner_percent": percent, "strike": strike,
        }
        for move, state, fault, after, (percent, strike) in TABLE
    ]
    Terms.objects.create(
        valid_from=BEGINNING, commission_percent=settings.COMMISSION_PERCENT, rows=rows
    )


class Migration(migrations.Migration):

    dependencies = [
        ('errands', '0003_areas'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='Terms',
            fields=[
                ('id', common.ids.UUID7Field(default=common.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('created_at', models.DateTimeField(default=common.clock.now, editable=False, verbose_name='created at')),
                ('valid_from', models.DateTimeField(unique=True, verbose_name='valid from')),
                ('commission_percent', models.PositiveSmallIntegerField(verbose_name='commission (%)')),
                ('rows', models.JSONField(verbose_name='terms')),
                ('version', models.PositiveIntegerField(default=1)),
                ('set_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='set by')),
            ],
            options={
                'verbose_name': 'terms',
                'verbose_name_plural': 'terms',
                'constraints': [models.CheckConstraint(condition=models.Q(('commission_percent__lte', 100)), name='terms_commission')],
            },
        ),
        migrations.RunPython(write_first, migrations.RunPython.noop),
    ]
