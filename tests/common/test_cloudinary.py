"""Photos on Cloudinary: its own library against a loopback server that speaks its upload API."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import cloudinary
import pytest
from django.core.files.base import ContentFile

from common.cloudinary_storage import CloudinaryStorage
from tests.conftest import refused


class UploadApi(ThreadingHTTPServer):
    """Remembers what was stored under which public id; refuses unsigned requests."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.stored: dict[str, bytes] = {}


class Handler(BaseHTTPRequestHandler):
    server: UploadApi

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if b'name="signature"' not in body:
            return self.answer(401, {"error": {"message": "unsigned"}})
        public_id = body.split(b'name="public_id"\r\n\r\n')[1].split(b"\r\n")[0].decode()
        if self.path.endswith("/destroy"):
            self.server.stored.pop(public_id, None)
            return self.answer(200, {"result": "ok"})
        self.server.stored[public_id] = body
        return self.answer(200, {"public_id": public_id})

    def answer(self, status: int, body: object) -> None:
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_args: object) -> None:
        """Stay quiet."""


@pytest.fixture
def server() -> Iterator[UploadApi]:
    api = UploadApi()
    thread = threading.Thread(target=api.serve_forever)
    thread.start()
    cloudinary.config(
        cloud_name="demo", api_key="1", api_secret="s",
        upload_prefix=f"http://127.0.0.1:{api.server_port}",
    )  # fmt: skip
    yield api
    cloudinary.reset_config()
    api.shutdown()
    thread.join()
    api.server_close()


def test_a_photo_is_stored_under_its_name(server: UploadApi) -> None:
    storage = CloudinaryStorage()
    name = storage.save("proof/2026/11/23/a.jpg", ContentFile(b"JPEG bytes"))
    assert name == "proof/2026/11/23/a.jpg"
    assert b"JPEG bytes" in server.stored["proof/2026/11/23/a"]
    assert storage.url(name).startswith("https://res.cloudinary.com/demo/image/upload/")
    assert storage.url(name).endswith("proof/2026/11/23/a.jpg")


def test_deleting(server: UploadApi) -> None:
    storage = CloudinaryStorage()
    storage.save("proof/a.jpg", ContentFile(b"x"))
    storage.delete("proof/a.jpg")
    assert server.stored == {}


def test_a_refusal_is_raised(server: UploadApi) -> None:
    cloudinary.config(upload_prefix=f"http://127.0.0.1:{server.server_port}/gone", timeout=2)
    server.shutdown()
    server.server_close()
    with refused("storage_unavailable"):
        CloudinaryStorage().save("proof/a.jpg", ContentFile(b"x"))
    with refused("storage_unavailable"):
        CloudinaryStorage().delete("proof/a.jpg")
