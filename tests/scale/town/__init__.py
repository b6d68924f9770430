"""A town of made-up people and errands, loaded in bulk: the past of a platform in some seconds.

``load(Size(), now=…)`` is 5,000 people and 50,000 errands. Nothing goes through the services, but
what their reads rely on holds: the events lead to the state, the entries of a transfer sum to zero,
escrow holds the money of live errands, no constraint is broken. The same size is the same town.
"""

from tests.scale.town.build import load
from tests.scale.town.shapes import Size, Town

__all__ = ["Size", "Town", "load"]
