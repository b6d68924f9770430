"""What follows from one address."""

from __future__ import annotations

import pytest

from balrottuieo.databases import contrib_apps, database, is_mongodb

MONGODB = "mongodb://user:word@one:27017,two:27018/errands?replicaSet=rs0&retryWrites=true"


def test_mongodb_gets_our_engine_and_its_driver_the_whole_address() -> None:
    found = database(MONGODB, pool_size=7)
    assert (found["ENGINE"], found["NAME"], found["HOST"]) == ("common.mongodb", "errands", MONGODB)
    assert (found["OPTIONS"]["maxPoolSize"], found["OPTIONS"]["w"]) == (7, "majority")
    assert contrib_apps(MONGODB)[0] == "common.mongodb.apps.AdminConfig"


def test_what_the_address_says_goes_first() -> None:
    mongodb = database(f"{MONGODB}&w=1&serverSelectionTimeoutMS=9", pool_size=7)
    assert not {"w", "serverSelectionTimeoutMS"} & set(mongodb["OPTIONS"])
    postgresql = database("postgres://u:w@host/name?connect_timeout=9", pool_size=7)
    assert postgresql["OPTIONS"]["connect_timeout"] == 9
    address = "postgres://host/name?options=-c%20statement_timeout%3D0"
    options = database(address, pool_size=7)["OPTIONS"]["options"]
    assert options.startswith("-c statement_timeout=60s -c idle")
    assert options.endswith(" -c statement_timeout=0")


def test_postgresql_has_a_pool_that_looks_at_its_connections() -> None:
    found = database("postgres://u:w@host:5433/name", pool_size=7)
    assert (found["NAME"], found["PORT"]) == ("name", 5433)
    assert found["OPTIONS"]["pool"]["max_size"] == 7
    assert found["CONN_HEALTH_CHECKS"] is True
    assert contrib_apps("postgres://host/name")[0] == "django.contrib.admin"


def test_postgresql_need_not_prepare_anything_where_a_pooler_forbids_it() -> None:
    url = "postgres://u:w@db/name?prepare_threshold="
    asked = [database(f"{url}{n}", pool_size=1)["OPTIONS"] for n in (0, 5)]
    assert [options["prepare_threshold"] for options in asked] == [None, 5]


def test_sqlite_queues_its_writers() -> None:
    found = database("sqlite:////var/errands.sqlite3", pool_size=7)
    assert found["NAME"] == "/var/errands.sqlite3"
    assert found["OPTIONS"]["transaction_mode"] == "IMMEDIATE"


@pytest.mark.parametrize("url", ["mysql://u@host/name", "", "errands", "mongo://host/name"])
def test_another_kind_is_refused_by_name(url: str) -> None:
    assert not is_mongodb(url)
    with pytest.raises(ValueError, match="DATABASE_URL is"):
        database(url, pool_size=7)
