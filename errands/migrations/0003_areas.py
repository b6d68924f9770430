"""Areas are H3 cells now: about 0.5 km² for an errand, 25 km² for the weather."""

import h3
from django.db import migrations

AREA, REGION = 8, 6
OLD_DEGREES = 0.05
AT_ONCE = 500


def name_errands(apps, schema_editor):
    Errand = apps.get_model("errands", "Errand")
    errands = Errand.objects.only("pickup_lat", "pickup_lng").order_by("pk")
    last = None
    # By key and not with an open cursor: MongoDB closes one that rests, SQLite one that writes.
    while rows := list((errands if last is None else errands.filter(pk__gt=last))[:AT_ONCE]):
        last = rows[-1].pk
        for errand in rows:
            errand.area = h3.latlng_to_cell(errand.pickup_lat, errand.pickup_lng, AREA)
        Errand.objects.bulk_update(rows, ["area"])


def name_conditions(apps, schema_editor):
    """What was said of a square holds in every region that it touches: nobody walks unpaid."""
    AreaCondition = apps.get_model("errands", "AreaCondition")
    until = {}
    for condition in AreaCondition.objects.filter(area__contains=":"):
        for region in regions_of(condition.area):
            known = until.get(region)
            if known is None or known.bad_weather_until < condition.bad_weather_until:
                until[region] = condition
    for region, said in until.items():
        AreaCondition.objects.create(
            area=region, bad_weather_until=said.bad_weather_until, set_by_id=said.set_by_id,
            created_at=said.created_at,
        )
    AreaCondition.objects.filter(area__contains=":").delete()


def regions_of(square):
    """The regions at the corners, the sides and the middle; none that is touched is smaller."""
    row, column = map(int, square.split(":"))
    steps = (0, 0.25, 0.5, 0.75, 1)
    places = [
        ((row + north) * OLD_DEGREES, (column + east) * OLD_DEGREES)
        for north in steps for east in steps
    ]
    # Of the small area there: a region is made of those, which reach over its edges.
    return {h3.cell_to_parent(h3.latlng_to_cell(lat, lng, AREA), REGION) for lat, lng in places}


class Migration(migrations.Migration):

    dependencies = [
        ('errands', '0002_indexes'),
    ]

    operations = [
        # Back needs nothing: to the older program an area is any text.
        migrations.RunPython(name_errands, migrations.RunPython.noop),
        migrations.RunPython(name_conditions, migrations.RunPython.noop),
    ]
