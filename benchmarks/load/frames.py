"""WebSocket frames, as few bytes and steps as RFC 6455 allows.

A client must mask what it sends. The mask here is zero, so that a frame is made once and sent by
any number of sockets; the server unmasks it like any other.
"""

from __future__ import annotations

import struct

TEXT, CLOSE, PING, PONG = 0x1, 0x8, 0x9, 0xA
MASKED, NO_MASK = 0x80, bytes(4)
SHORT, LONG = 126, 65_536
FINAL = 0x80


def frame(payload: bytes, opcode: int = TEXT) -> bytes:
    """Return a client's frame.

    Raises:
        ValueError: more than a phone ever says at once.
    """
    size = len(payload)
    if size >= LONG:
        raise ValueError(f"{size} bytes in one frame")
    head = struct.pack("!BB", FINAL | opcode, MASKED | min(size, SHORT))
    length = struct.pack("!H", size) if size >= SHORT else b""
    return head + length + NO_MASK + payload


def split(data: bytes) -> tuple[list[tuple[int, bytes]], bytes]:
    """Return the whole frames of a server's bytes, by opcode, and what is left of another."""
    found: list[tuple[int, bytes]] = []
    at, end = 0, len(data)
    while end - at >= 2:
        begin, size = at + 2, data[at + 1]
        if size >= SHORT:
            wide = 2 if size == SHORT else 8
            size = int.from_bytes(data[begin : begin + wide], "big")
            begin += wide
        if begin + size > end:
            break
        found.append((data[at] & 0x0F, data[begin : begin + size]))
        at = begin + size
    return found, data[at:]
