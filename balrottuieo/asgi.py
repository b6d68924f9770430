"""ASGI entry point: HTTP and WebSockets in one process."""

from __future__ import annotations

import gc
import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "balrottuieo.settings")

http = get_asgi_application()  # sets Django up: what needs models is imported after it

from channels.routing import ProtocolTypeRouter, URLRouter  # noqa: E402

from accounts.sockets import SocketAuthentication  # noqa: E402
from dispatch.routing import elsewhere, websocket_urlpatterns  # noqa: E402

application = ProtocolTypeRouter(
    {
        "http": http,
        "websocket": SocketAuthentication(URLRouter([*websocket_urlpatterns, elsewhere])),
    }
)

# What a burst of reports leaves in flight is no garbage: with the usual threshold looking for
# some, among all sockets, took most of the time. What is loaded by now stays.
gc.collect()
gc.freeze()
gc.set_threshold(20_000, 10, 10)
