"""YAML without anchors, tags, merges or doubled keys, read by libyaml in a fraction of the time that ruamel takes.

Only a fast lane. What it returns is what ruamel returns, values and positions alike (tests/laws/test_plain_yaml.py);
whatever is unusual or wrong it leaves to ruamel, which also knows what to say of it.
"""

from __future__ import annotations

import re
from functools import lru_cache
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
        return _document(parser)
    except (Unusual, libyaml.YAMLError, YAMLError, ValueError, RecursionError):
        return None
    finally:
        parser.dispose()


def _document(parser: Any) -> CommentedMap:
    parser.get_event()
    start = parser.get_event()
    if not isinstance(start, libyaml.DocumentStartEvent) or start.explicit:
        raise Unusual
    found = _value(parser, parser.get_event())
    end = parser.get_event()
    if not isinstance(found, CommentedMap) or end.explicit or not parser.check_event(libyaml.StreamEndEvent):
        raise Unusual
    return found


def _value(parser: Any, event: Any) -> Any:
    if isinstance(event, libyaml.AliasEvent) or event.anchor is not None or event.tag is not None:
        raise Unusual
    if isinstance(event, libyaml.ScalarEvent):
        return _scalar(event)
    if isinstance(event, libyaml.MappingStartEvent):
        return _mapping(parser, event)
    return _sequence(parser, event)


def _scalar(event: Any) -> Any:
    if event.style in ("|", ">") or event.start_mark.index == event.end_mark.index:
        raise Unusual  # an empty value stands at another place in ruamel's eyes
    return event.value if event.style else _meant(event.value)


@lru_cache(maxsize=4096)
def _meant(value: str) -> Any:
    """What an unquoted value is: a text unless ruamel reads it as something else."""
    if _RESOLVER.resolve(ScalarNode, value, (True, False)) == _TEXT:
        return value
    return YAML(typ="rt").load(value)


def _mapping(parser: Any, event: Any) -> CommentedMap:
    found = CommentedMap()
    found._yaml_set_line_col(event.start_mark.line, event.start_mark.column)
    while not isinstance(named := parser.get_event(), libyaml.MappingEndEvent):
        key = _key(named)
        if key in found:
            raise Unusual
        event = parser.get_event()
        at, of = named.start_mark, event.start_mark
        if of.index - named.end_mark.index < 2:
            raise Unusual  # {"a":b}: without a space, the two do not agree on what is a key
        found[key] = _value(parser, event)
        found._yaml_set_kv_line_col(key, [at.line, at.column, of.line, of.column])
    return found


def _key(event: Any) -> str:
    key = _value(None, event) if isinstance(event, libyaml.ScalarEvent) else None
    if not isinstance(key, str) or key in _UNUSUAL_KEYS:
        raise Unusual
    return key


def _sequence(parser: Any, event: Any) -> CommentedSeq:
    found = CommentedSeq()
    found._yaml_set_line_col(event.start_mark.line, event.start_mark.column)
    while not isinstance(event := parser.get_event(), libyaml.SequenceEndEvent):
        found.append(_value(parser, event))
        found._yaml_set_idx_line_col(len(found) - 1, [event.start_mark.line, event.start_mark.column])
    return found
