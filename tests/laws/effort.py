"""How many examples a law is tried on: its own number in CI, twenty times as many with BEREDD_PROVE=1."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, Phase, settings

FACTOR = 20 if os.environ.get("BEREDD_PROVE") == "1" else 1


def examples(number: int) -> settings:
    """Settings for a law that is tried on so many examples, times the factor."""
    slow = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]
    phases = [p for p in Phase if p is not Phase.shrink or os.environ.get("BEREDD_SHRINK") != "0"]
    return settings(max_examples=number * FACTOR, deadline=None, suppress_health_check=slow, phases=phases)
