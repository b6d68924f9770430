"""A thin engine over django-mongodb-backend (``ENGINE = "common.mongodb"``): holes closed, no more.

Why each exists stands where it is closed; docs/adr/0002 says why this backend. Nothing here is
imported where the database is another one.
"""
