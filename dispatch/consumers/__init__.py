"""The sockets: parse, call one service, answer."""

from dispatch.consumers.base import LostConsumer
from dispatch.consumers.runner import RunnerConsumer
from dispatch.consumers.staff import StaffMapConsumer
from dispatch.consumers.watch import ErrandConsumer, TrackConsumer

__all__ = ["ErrandConsumer", "LostConsumer", "RunnerConsumer", "StaffMapConsumer", "TrackConsumer"]
