"""Django's own apps pin a key that MongoDB does not have; here they get one that it has."""

from __future__ import annotations

from django.contrib.admin import apps as admin
from django.contrib.auth import apps as auth
from django.contrib.contenttypes import apps as contenttypes

KEY = "common.mongodb.fields.IntegerIdField"


class AdminConfig(admin.AdminConfig):
    default_auto_field = KEY


class AuthConfig(auth.AuthConfig):
    default_auto_field = KEY


class ContentTypesConfig(contenttypes.ContentTypesConfig):
    default_auto_field = KEY
