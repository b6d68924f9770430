"""The REST edge of errands: parse, call one service, shape the answer."""
