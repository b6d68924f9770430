"""Where the WebSockets are: where the pages are, as behind a proxy, or on a port beside them."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest


def sockets_origin(request: HttpRequest) -> str:
    """Return ``ws://host:port``, for whoever came to ``request``'s host by that name."""
    here = urlsplit(request.build_absolute_uri("/"))
    scheme = "wss" if here.scheme == "https" else "ws"
    if not settings.SOCKETS_PORT:
        return f"{scheme}://{here.netloc}"
    return f"{scheme}://{_beside(here.netloc, settings.SOCKETS_PORT)}"


def page_host(sockets_host: str) -> str:
    """Return the ``host:port`` of the pages whose sockets are at ``sockets_host``."""
    if not settings.SOCKETS_PORT:
        return sockets_host
    return _beside(sockets_host, urlsplit(settings.PUBLIC_URL).port)


def _beside(netloc: str, port: int | None) -> str:
    host = re.sub(r":\d+$", "", netloc)  # whatever a caller says that its host is
    return host if port is None else f"{host}:{port}"
