"""What assess keeps under a key, and what it sends: the types its parts share."""

from __future__ import annotations

from rules.arrival import Begun, Explains, Forward, Kin, Overhead, Reported
from rules.kin import KnownKin, Sign
from rules.matter import Matter, MatterChanged, OpenMatters
from rules.record import LogLine, MatterSnapshot
from rules.silence import Explanations
from rules.step import Counter, Draft
from rules.trackers import (
    Broken,
    EndedIncident,
    Held,
    History,
    Instance,
    KnownIncident,
    KnownWarning,
    LastValues,
    LeafFacts,
    Registered,
    Resumed,
    Unshown,
)

Entry = (
    LastValues
    | Held
    | History
    | Resumed
    | LeafFacts
    | Broken
    | Instance
    | Unshown
    | KnownIncident
    | EndedIncident
    | KnownWarning
    | KnownKin
    | Explanations
    | Sign
    | Registered
    | OpenMatters
    | Matter
    | Counter
)
OutputMessage = Reported | Forward | Begun | Kin | Explains | Overhead | MatterChanged | MatterSnapshot | LogLine
AssessDraft = Draft[Entry, OutputMessage]
