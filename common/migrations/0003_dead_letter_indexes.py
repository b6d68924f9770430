from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('common', '0002_dead_letters'),
    ]

    operations = [
        migrations.AlterField(
            model_name='deadletter',
            name='replayed_at',
            field=models.DateTimeField(blank=True, null=True, verbose_name='replayed at'),
        ),
        migrations.AddIndex(
            model_name='deadletter',
            index=models.Index(fields=['died_at', 'id'], name='dead_letter_died_at_id'),
        ),
        migrations.AddIndex(
            model_name='deadletter',
            index=models.Index(fields=['replayed_at', 'died_at', 'id'], name='dead_letter_replayed_died_id'),
        ),
    ]
