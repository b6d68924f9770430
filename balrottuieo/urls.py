"""All addresses: the API and its documents, the pages, the admin, health."""

from __future__ import annotations

from django.conf import settings
from django.conf.urls.static import static
from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.urls import include, path
from drf_spectacular.views import SpectacularAPIView, SpectacularRedocView, SpectacularSwaggerView

from dispatch import views
from payments import views as paying


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
pages = [
    path("", views.landing, name="landing"),
    path("pulse.json", views.pulse, name="pulse"),
    path("stations.json", views.stations, name="stations"),
    path("t/<str:token>", views.track, name="tracking-page"),
    path("pay/<str:token>", paying.pay, name="pay"),
    path("pay/<str:token>/success", paying.success, name="pay-success"),
    path("pay/<str:token>/fail", paying.fail, name="pay-fail"),
]
staff_pages = [
    path("live-map/", admin.site.admin_view(views.live_map), name="live_map"),
    path("finance/", admin.site.admin_view(paying.finance), name="finance"),
]
urlpatterns = [
    *pages,
    path("health/live", alive, name="alive"),
    path("api/v1/", include(api)),
    path("api/schema/", SpectacularAPIView.as_view(permission_classes=[]), name="schema"),
    path("api/docs/", SpectacularSwaggerView.as_view(permission_classes=[]), name="swagger"),
    path("api/redoc/", SpectacularRedocView.as_view(permission_classes=[]), name="redoc"),
    path("i18n/", include("django.conf.urls.i18n")),
    # As admin.site.urls, with our own pages before its catch-all.
    path("admin/", ([*staff_pages, *admin.site.get_urls()], "admin", admin.site.name)),
    *(static(settings.MEDIA_URL, document_root=settings.MEDIA_ROOT) if settings.DEBUG else []),
]
