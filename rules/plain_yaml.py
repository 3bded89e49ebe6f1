"""YAML without anchors, tags, merges or doubled keys, read by libyaml in a fraction of the time that ruamel takes.

Only a fast lane. What it returns is what ruamel returns, values and positions alike (tests/laws/test_plain_yaml.py);
whatever is unusual or wrong it leaves to ruamel, which also knows what to say of it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

import yaml as libyaml
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import YAMLError
from ruamel.yaml.nodes import ScalarNode

try:
    from yaml.cyaml import CParser
except ImportError:  # a wheel without libyaml: ruamel reads everything, as right and slower
    CParser = None

_STRANGE = re.compile("[^\n -~\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]")
"""Tabs, line breaks other than a newline, and what cannot be printed: the two differ in what they make of them."""
_TEXT = "tag:yaml.org,2002:str"
_UNUSUAL_KEYS = frozenset({"<<", "="})
_RESOLVER = YAML(typ="rt").resolver


class Unusual(Exception):
    """The text has something that is left to ruamel."""


def plain(text: str) -> CommentedMap | None:
    """The text's mapping with positions; None if ruamel must read it."""
    if CParser is None or _STRANGE.search(text):
        return None
    parser = CParser(text)
    try:
        return _Reading(parser).document()
    except (Unusual, libyaml.YAMLError, YAMLError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return None
    finally:
        parser.dispose()


@dataclass(frozen=True, slots=True)
class _Reading:
    """One text being read. `meant`: what its unquoted values have been found to be."""

    parser: Any
    meant: dict[str, Any] = field(default_factory=dict)

    def document(self) -> CommentedMap:
        self.parser.get_event()
        start = self.parser.get_event()
        if not isinstance(start, libyaml.DocumentStartEvent) or start.explicit:
            raise Unusual
        found = self.value(self.parser.get_event())
        end = self.parser.get_event()
        if not isinstance(found, CommentedMap) or end.explicit or not self.parser.check_event(libyaml.StreamEndEvent):
            raise Unusual
        return found

    def value(self, event: Any) -> Any:
        if isinstance(event, libyaml.AliasEvent) or event.anchor is not None or event.tag is not None:
            raise Unusual
        if isinstance(event, libyaml.ScalarEvent):
            return self.scalar(event)
        return self.mapping(event) if isinstance(event, libyaml.MappingStartEvent) else self.sequence(event)

    def scalar(self, event: Any) -> Any:
        if event.style in ("|", ">") or event.start_mark.index == event.end_mark.index:
            raise Unusual  # an empty value stands at another place in ruamel's eyes
        if event.style:
            return event.value
        if event.value not in self.meant:
            self.meant[event.value] = _meant(event.value)
        return self.meant[event.value]

    def mapping(self, event: Any) -> CommentedMap:
        found = CommentedMap()
        found._yaml_set_line_col(event.start_mark.line, event.start_mark.column)
        while not isinstance(named := self.parser.get_event(), libyaml.MappingEndEvent):
            key = self.key(named)
            if key in found:
                raise Unusual
            event = self.parser.get_event()
            at, of = named.start_mark, event.start_mark
            if of.index - named.end_mark.index < 2:
                raise Unusual  # {"a":b}: without a space, the two do not agree on what is a key
            found[key] = self.value(event)
            found._yaml_set_kv_line_col(key, [at.line, at.column, of.line, of.column])
        return found

    def key(self, event: Any) -> str:
        key = self.value(event) if isinstance(event, libyaml.ScalarEvent) else None
        if not isinstance(key, str) or key in _UNUSUAL_KEYS:
            raise Unusual
        return key

    def sequence(self, event: Any) -> CommentedSeq:
        found = CommentedSeq()
        found._yaml_set_line_col(event.start_mark.line, event.start_mark.column)
        while not isinstance(event := self.parser.get_event(), libyaml.SequenceEndEvent):
            found.append(self.value(event))
            found._yaml_set_idx_line_col(len(found) - 1, [event.start_mark.line, event.start_mark.column])
        return found


def _meant(value: str) -> Any:
    """What an unquoted value is: a text unless ruamel reads it as something else."""
    if _RESOLVER.resolve(ScalarNode, value, (True, False)) == _TEXT:
        return value
    return YAML(typ="rt").load(value)
