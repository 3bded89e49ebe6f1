"""What is told a sender whose message cannot be used: a value with a reason, a place and a way to mend it.

Reasons are few and fixed, so that metrics can carry them as labels. Who receives a refusal decides what to do with it.
"""

from __future__ import annotations

from enum import StrEnum

from rules.frozen import Frozen

EXCERPT_BYTES = 200
MESSAGE_CHARS = 1000


class Reason(StrEnum):
    """Why something was refused, as a short word for metrics."""

    CONTENT_TYPE = "content_type"  # the media type is none that this door reads
    TOO_LARGE = "too_large"  # more bytes than MAX_BODY_BYTES
    TOO_DEEP = "too_deep"  # nested deeper than MAX_DEPTH
    TOO_MANY = "too_many"  # more events than MAX_EVENTS
    NOT_JSON = "not_json"  # truncated, another format or another character encoding
    NOT_XML = "not_xml"  # the same, where XML was expected
    DTD = "dtd"  # XML with a DTD or entities: the shape of an attack, and no warning needs it
    FORMAT = "format"  # well-formed, but none of the formats that are known here
    ENVELOPE = "envelope"  # not a CloudEvent, or a form other than the media type says
    SPEC_VERSION = "spec_version"  # a CloudEvent of another version than 1.0
    ATTRIBUTE = "attribute"  # an attribute is missing, misnamed, or of a type that the specification forbids
    TYPE = "type"  # a CloudEvent of a type that beredd does not know
    REALM = "realm"  # neither live nor exercise/<name>
    TIME = "time"  # unreadable, or without an offset
    DATA = "data"  # the data are missing or do not follow the schema
    INCOMPLETE = "incomplete"  # a warning lacks something its format requires
    STATUS = "status"  # a message that is not meant to warn anyone: draft, system, receipt
    GEOMETRY = "geometry"  # a shape that cannot be drawn
    SOURCE = "source"  # nobody is registered under this source
    RIGHT = "right"  # the source may not report this, about this place, or in this realm
    PERSON = "person"  # needs a person's own credential, and another or none was given
    SENSOR = "sensor"  # a reading from a sensor that the registry does not have
    OVERLOAD = "overload"  # nothing is amiss with it: there is no room now, and it may come again


class Refusal(Frozen):
    """Something that was not taken, told so that the sender can mend it. `partial`: the event itself was taken."""

    reason: Reason
    message: str
    index: int = 0
    line: int | None = None
    excerpt: str = ""
    partial: bool = False


class Refused(Exception):
    """Carries a refusal from where the fault is seen to the one place that knows which event it was in."""

    def __init__(self, reason: Reason, message: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message

    def refusal(self, original: bytes = b"", index: int = 0, line: int | None = None, partial: bool = False) -> Refusal:
        """The refusal as a value, with the beginning of the bytes it is about."""
        return Refusal(
            reason=self.reason,
            message=self.message[:MESSAGE_CHARS],
            index=index,
            line=line,
            excerpt=excerpt(original),
            partial=partial,
        )


def excerpt(original: bytes) -> str:
    """The first bytes as text; bytes that are not UTF-8 stand as \\xNN, so nothing that was sent is hidden."""
    return original[:EXCERPT_BYTES].decode("utf-8", errors="backslashreplace")
