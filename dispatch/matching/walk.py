"""How long a walk takes: the one interface, and the estimate that needs nobody's help."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from common.geo import DETOUR, METRES_PER_DEGREE, WALKING_MPS
from dispatch.matching.shapes import Floats


class Walk(Protocol):
    """What a matching run asks about the ground; places are (…, 2) arrays of lat and lng.

    A walk takes as long back as there: it is asked in one direction only.
    """

    def flat(self, points: Floats) -> Floats:
        """Project all places of a run to metres on one flat map; only neighbours are sought there.

        Called once in a run, so that a projection may choose its middle.
        """

    def seconds(self, start: Floats, end: Floats) -> Floats:
        """Return how long each walk takes, for arrays that broadcast against each other."""


class Estimate:
    """Great circle × detour at a walker's speed."""

    def flat(self, points: Floats) -> Floats:
        """Project to metres north and east of the middle; exact to about 0.1 % over an area."""
        middle = points.mean(axis=0)
        projected: Floats = (points - middle) * METRES_PER_DEGREE
        projected[:, 1] *= np.cos(np.radians(middle[0]))
        return projected

    def seconds(self, start: Floats, end: Floats) -> Floats:
        """Equirectangular with the cosine of each pair's own middle: within 1e-5 of the sphere."""
        north = end[..., 0] - start[..., 0]
        east = (end[..., 1] - start[..., 1]) * np.cos(np.radians((start[..., 0] + end[..., 0]) / 2))
        walked: Floats = np.sqrt(north**2 + east**2) * (METRES_PER_DEGREE * DETOUR / WALKING_MPS)
        return walked
