"""The last values of a key's sensors, and the screen: a reading that can change no truth costs a comparison.

Theory. Beside a sensor's last value stands its *band*: the open interval between its nearest limits, in which every
condition on it is as true or as false as it is now. It is written only when the sensor is *at rest*, that is, when one
more such value would change nothing but the last value (`rules.sensing` says when). A value in the band, newer than the
last and not after a gap that matters, is noted and that is all. Whatever else comes is judged rule by rule, as if there
were no screen: the two agree, and a law holds them to it.

    judged, and at rest      -> the band is written
    a rule begins that this sensor may end, a timer of it comes, the profile is swapped -> the band is empty

Sensors that stand beside each other in the registry share an entry, so that one gateway's batch changes few of them.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from math import inf, nextafter
from typing import TypeVar

from rules.entries import AssessDraft
from rules.events import EventKind, Reading
from rules.late import placed
from rules.policy import LeafRef, Policy
from rules.rule import SensorCondition
from rules.trackers import LastValue, LastValues, Seen, Values

WIDEST = nextafter(inf, 0)  # infinity cannot be written down
EMPTY = (0.0, 0.0)
"""The band in which no value lies."""

T = TypeVar("T")
LAST = "last/"
LEFT = "last/left"
"""Where the values of sensors that have left the profile wait, in case they come back."""


@dataclass(slots=True)
class _Bucket:
    """An entry of last values that is being written."""

    seen: dict[str, Seen] = field(default_factory=dict)
    others: dict[str, tuple[float, ...]] = field(default_factory=dict)
    earlier: dict[str, Values] = field(default_factory=dict)

    def written(self) -> LastValues:
        return LastValues.model_construct(seen=self.seen, others=self.others, earlier=self.earlier)

    def last(self, sensor: str) -> LastValue | None:
        known = self.seen.get(sensor)
        if known is None:
            return None
        return LastValue(known[1], known[0], self.others.get(sensor, ()), self.earlier.get(sensor, ()))


def _copied(bucket: _Bucket | LastValues) -> _Bucket:
    return _Bucket(dict(bucket.seen), dict(bucket.others), dict(bucket.earlier))


class Screen:
    """The last values of the key whose step is being written. What it has noted is in the draft after `close`."""

    def __init__(self, policy: Policy, draft: AssessDraft) -> None:
        self._policy = policy
        self._draft = draft
        self._open: dict[str, _Bucket] = {}

    # --- last values -------------------------------------------------------------------------------------------------

    def last(self, sensor: str) -> LastValue | None:
        """The sensor's newest value, as this step has left it so far."""
        return self._of(sensor).last(sensor)

    def note(self, sensor: str, last: LastValue) -> None:
        """This is the sensor's newest value, and its band is empty until it is judged."""
        bucket = self._of(sensor)
        bucket.seen[sensor] = (last.at, last.value, *EMPTY)
        _put(bucket.others, sensor, last.others)
        _put(bucket.earlier, sensor, last.earlier)

    def close(self) -> None:
        """What was noted is in the draft."""
        for name, bucket in self._open.items():
            if bucket.seen:
                self._draft.put(name, bucket.written())
            else:
                self._draft.drop(name)

    def _of(self, sensor: str) -> _Bucket:
        return self._opened(self._policy.buckets.get(sensor, LEFT))

    def _opened(self, name: str) -> _Bucket:
        if name not in self._open:
            known = self._draft.find(LastValues, name)
            self._open[name] = _copied(known) if known is not None else _Bucket()
        return self._open[name]

    # --- the screen --------------------------------------------------------------------------------------------------

    def takes(self, readings: Sequence[Reading]) -> bool:
        """True if no reading of the batch can change any condition's truth: then the last values are noted. Else
        nothing is."""
        buckets, gaps, lookbacks = self._policy.buckets, self._policy.lowering, self._policy.lookbacks
        taken: dict[str, _Bucket] = {}
        for reading in readings:
            sensor, value, time = reading.sensor, reading.value, reading.time
            name = buckets.get(sensor)
            if name is None:
                return False
            bucket = taken.get(name)
            if bucket is None:
                bucket = taken[name] = _copied(self._open.get(name) or self._draft.find(LastValues, name) or _Bucket())
            known = bucket.seen.get(sensor)
            if known is None:
                return False
            at, _, low, high = known
            if not (low < value < high and at < time) or (sensor in gaps and time - at > gaps[sensor]):
                return False
            if sensor in lookbacks:
                last = bucket.last(sensor)
                assert last is not None
                bucket.earlier[sensor] = placed(last.all, time - lookbacks[sensor])
            elif bucket.earlier:
                bucket.earlier.pop(sensor, None)
            if bucket.others:
                bucket.others.pop(sensor, None)
            bucket.seen[sensor] = (time, value, low, high)
        self._open |= taken
        return True

    def settle(self, sensor: str) -> None:
        """The sensor is at rest: until its next value outside the band, nothing but that value can change."""
        seen = self._of(sensor).seen
        at, value, _, _ = seen[sensor]
        leaves = self._policy.matching(EventKind.READINGS, sensor, self._draft.key)
        seen[sensor] = (at, value, *band(leaves, value))

    def unsettle(self, sensor: str) -> bool:
        """The sensor's next value is judged, whatever it is. True if it had a band."""
        seen = self._of(sensor).seen
        if sensor not in seen or seen[sensor][2:] == EMPTY:
            return False
        at, value, _, _ = seen[sensor]
        seen[sensor] = (at, value, *EMPTY)
        return True

    def rearrange(self) -> tuple[str, ...]:
        """The profile has been swapped: every sensor stands where it has its place now. Returns which they are, sorted;
        their bands are still those of the old one."""
        known = _Bucket()
        for key in list(self._draft.keys(LAST)):
            entry = self._draft.find(LastValues, key) or _Bucket()
            known.seen |= entry.seen
            known.others |= entry.others
            known.earlier |= entry.earlier
            self._open[key] = _Bucket()
        for sensor, seen in known.seen.items():
            bucket = self._of(sensor)
            bucket.seen[sensor] = seen
            _put(bucket.others, sensor, known.others.get(sensor, ()))
            _put(bucket.earlier, sensor, known.earlier.get(sensor, ()))
        return tuple(sorted(known.seen))


def _put(more: dict[str, tuple[T, ...]], sensor: str, values: tuple[T, ...]) -> None:
    if values:
        more[sensor] = values
    else:
        more.pop(sensor, None)


def band(leaves: Iterable[LeafRef], value: float) -> tuple[float, float]:
    """The open interval between the nearest limits around the value; empty if it lies on one."""
    limits = sorted({limit for leaf in leaves for limit in _limits(leaf)})
    above = bisect_left(limits, value)
    if above < len(limits) and limits[above] == value:
        return EMPTY
    low = limits[above - 1] if above else -WIDEST
    return low, limits[above] if above < len(limits) else WIDEST


def _limits(leaf: LeafRef) -> Iterator[float]:
    condition = leaf.condition
    assert isinstance(condition, SensorCondition)
    yield from (x for x in (condition.above, condition.below) if x is not None)
    yield from condition.between or ()
