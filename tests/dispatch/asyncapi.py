"""``docs/asyncapi.yaml`` as something to check messages against."""

from __future__ import annotations

import functools
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

import jsonschema
import yaml

PATH = Path(__file__).resolve().parents[2] / "docs" / "asyncapi.yaml"
Action = Literal["receive", "send"]
formats = jsonschema.FormatChecker(["uuid"])


@formats.checks("date-time", raises=ValueError)
def is_moment(value: object) -> bool:
    """RFC 3339: a time with its offset."""
    return not isinstance(value, str) or datetime.fromisoformat(value).tzinfo is not None


@functools.cache
def document() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(PATH.read_text(encoding="utf-8"))
    return found


def at(reference: str) -> Any:
    """Follow ``#/a/b``, and what stands there if it is only a reference again."""
    node: Any = document()
    for name in reference.removeprefix("#/").split("/"):
        node = node[name]
    return at(node["$ref"]) if "$ref" in node else node


def messages(channel: str, action: Action) -> dict[str, str]:
    """The documented messages of one direction: their type, and where their payload stands."""
    found = {}
    for operation in document()["operations"].values():
        if (
            operation["channel"]["$ref"] == f"#/channels/{channel}"
            and operation["action"] == action
        ):
            for reference in operation["messages"]:
                name = reference["$ref"].rpartition("/")[2]
                target = document()["channels"][channel]["messages"][name]["$ref"]
                found[at(target)["payload"]["properties"]["type"]["const"]] = target
    return found


def client_messages(channel: str) -> list[dict[str, Any]]:
    return [at(target) for target in messages(channel, "receive").values()]


@functools.cache
def validator(target: str) -> jsonschema.Draft202012Validator:
    schema = {**document(), "$ref": f"{target}/payload"}
    return jsonschema.Draft202012Validator(schema, format_checker=formats)


def check(message: dict[str, Any], *, channel: str, action: Action = "send") -> None:
    """Raises jsonschema.ValidationError, or KeyError for a type that is not documented."""
    validator(messages(channel, action)[message["type"]]).validate(message)


def conforms(message: dict[str, Any], *, channel: str, action: Action = "send") -> bool:
    return validator(messages(channel, action)[message["type"]]).is_valid(message)


def channel_of(path: str) -> str:
    """Name the channel that serves ``/ws/…/``."""
    steps = path.partition("?")[0].split("/")
    for name, channel in document()["channels"].items():
        pattern = channel["address"].split("/")
        if len(pattern) == len(steps) and all(
            mine == theirs or mine.startswith("{")
            for mine, theirs in zip(pattern, steps, strict=True)
        ):
            return str(name)
    raise KeyError(path)
