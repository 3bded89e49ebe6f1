"""A burst of readings with twenty critical incidents in it, against the real service with its providers beside it.

CI sends a sample; `make prove` sends a hundred thousand readings, and a wave of a million.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from pathlib import Path

import pytest

from tests.proof.burst import INCIDENTS, Report, Stream, burst, mixed, wave

WHOLE = os.environ.get("BEREDD_PROVE") == "1"
HANDED_OVER_S = 2.0
ACCEPTED_S = 2.0
LOOK_S = 1.0
GROWTH_MB = 200


def came_of(streams: tuple[Stream, ...], folder: Path, incidents: int = INCIDENTS) -> Report:
    report = burst(streams, folder, incidents)
    print(json.dumps(asdict(report)))
    return report


def check(report: Report, incidents: int = INCIDENTS) -> None:
    """What holds whatever comes."""
    assert report.accepted_incidents == incidents, "no incident is refused"
    assert not report.untold, "nobody was told of these"
    assert report.acceptance_max_s < ACCEPTED_S
    assert report.handed_over_max_s < HANDED_OVER_S
    assert report.accepted_at_once + report.refused == report.readings, "each was taken, or told to come again"
    assert report.logged == report.readings, "what came again is in the log, and everything is there once"
    assert report.dead == 0
    assert set(report.readyz) == {200}, "whoever asks is answered; that readings are refused stands in the metrics"
    assert report.look_max_s < LOOK_S
    assert report.rss_peak - report.rss_before < GROWTH_MB


@pytest.mark.slow
def test_a_burst_of_small_posts_does_not_hold_up_what_is_critical(tmp_path: Path) -> None:
    check(came_of(mixed(100_000 if WHOLE else 20_000), tmp_path))


@pytest.mark.slow
def test_more_than_can_be_taken_is_told_to_come_again_and_holds_up_nothing(tmp_path: Path) -> None:
    report = came_of(wave(1_000_000 if WHOLE else 400_000), tmp_path)
    check(report)
    assert report.refused > 0, "too little to prove anything"
    assert report.queue_max['beredd_queue_full{lane="urgent"}'] == 0


@pytest.mark.slow
def test_ten_incidents_a_second_are_handed_over_in_time(tmp_path: Path) -> None:
    number = 300 if WHOLE else 50
    check(came_of((), tmp_path, number), number)
