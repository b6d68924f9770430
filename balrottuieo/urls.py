"""All addresses: the API and its documents, the pages, the admin, health."""

from __future__ import annotations

from django.conf import settings
from django.conf.urls.static import static
from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.urls import include, path
from drf_spectacular.views import SpectacularAPIView, SpectacularRedocView, SpectacularSwaggerView


def alive(_request: HttpRequest) -> HttpResponse:
    """Say that this process answers; depends on nothing else."""
    return HttpResponse("ok", content_type="text/plain")


api = [
    path("", include("accounts.urls")),
    path("", include("payments.urls")),
    path("", include("errands.urls")),
    path("", include("dispatch.urls")),
    path("auth/", include("allauth.headless.urls")),
]
urlpatterns = [
    path("health/live", alive, name="alive"),
    path("api/v1/", include(api)),
    path("api/schema/", SpectacularAPIView.as_view(permission_classes=[]), name="schema"),
    path("api/docs/", SpectacularSwaggerView.as_view(permission_classes=[]), name="swagger"),
    path("api/redoc/", SpectacularRedocView.as_view(permission_classes=[]), name="redoc"),
    path("i18n/", include("django.conf.urls.i18n")),
    path("admin/", admin.site.urls),
    *(static(settings.MEDIA_URL, document_root=settings.MEDIA_ROOT) if settings.DEBUG else []),
]
