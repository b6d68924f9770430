"""JSON as DRF writes it, byte for byte, by an encoder that takes a twentieth of the time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.request import Request
from rest_framework.utils.encoders import JSONEncoder

PLAIN = frozenset({"", "*/*", JSONRenderer.media_type})
# What msgspec does not know itself: texts that are translated late, DRF's own lists.
_encoder = msgspec.json.Encoder(enc_hook=JSONEncoder().default)


class Renderer(JSONRenderer):
    """Whoever asks for ``indent`` gets it from DRF."""

    def render(
        self,
        data: Any,
        accepted_media_type: str | None = None,
        renderer_context: Mapping[str, Any] | None = None,
    ) -> bytes:
        if data is None or self.get_indent(accepted_media_type or "", renderer_context or {}):
            return super().render(data, accepted_media_type, renderer_context)
        # Line ends to JavaScript, which these two are, do not stand in its texts.
        body = _encoder.encode(data)
        return body.replace(b"\xe2\x80\xa8", b"\\u2028").replace(b"\xe2\x80\xa9", b"\\u2029")


class Negotiation(DefaultContentNegotiation):
    """Nearly everybody accepts JSON in so many words; DRF weighs what others write."""

    def select_renderer(
        self, request: Request, renderers: Iterable[BaseRenderer], format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str]:
        first = next(iter(renderers))
        plain = request.META.get("HTTP_ACCEPT", "") in PLAIN and isinstance(first, Renderer)
        if plain and not format_suffix and self.settings.URL_FORMAT_OVERRIDE not in request.GET:
            return first, JSONRenderer.media_type
        chosen: tuple[BaseRenderer, str] = super().select_renderer(
            request, renderers, format_suffix
        )
        return chosen
