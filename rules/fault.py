"""A fault in an author's file: where it stands, how grave it is, and what is said of it in two languages.

A `Text` is one thing that can be said, in one place, with both wordings; called with its parameters it gives a
`Message`. A message is its Swedish text (a `str`, so that it prints, sorts and compares as one) and knows its code and
its wording in English, so that no caller passes a language around.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Gravity(StrEnum):
    """An error stops the profile from loading; a finding is something its author should look at."""

    ERROR = "error"
    FINDING = "finding"


class Language(StrEnum):
    """What a fault can be told in."""

    SWEDISH = "sv"
    ENGLISH = "en"


class Message(str):
    """What is said, in Swedish; `code`, the parameters and the wording in English come with it."""

    code: str
    english: str
    given: Mapping[str, Any]

    def __new__(
        cls, swedish: str, english: str = "", code: str = "", given: Mapping[str, Any] | None = None
    ) -> Message:
        made = super().__new__(cls, swedish)
        made.code, made.english, made.given = code, english or swedish, given or {}
        return made

    def said(self, language: Language) -> str:
        return self.english if language is Language.ENGLISH else str(self)


@dataclass(frozen=True, slots=True)
class Text:
    """One thing that can be said. The `{}` of both wordings have the same names."""

    code: str
    swedish: str
    english: str

    def __call__(self, **given: Any) -> Message:
        """The message with these parameters; one that is a message itself is said in the message's language."""
        english = {k: v.english if isinstance(v, Message) else v for k, v in given.items()}
        return Message(self.swedish.format_map(given), self.english.format_map(english), self.code, given)


@dataclass(frozen=True, slots=True, order=True)
class Fault:
    """One fault in one place, told so that its author can mend it."""

    file: str
    line: int
    column: int
    where: str
    message: str
    gravity: Gravity = Gravity.ERROR

    def __str__(self) -> str:
        return self.said(Language.SWEDISH)

    @property
    def code(self) -> str:
        """What sort of fault it is, for machines; empty for words that have none."""
        return self.message.code if isinstance(self.message, Message) else ""

    def told(self, language: Language) -> str:
        """The message without its place."""
        return self.message.said(language) if isinstance(self.message, Message) else self.message

    def said(self, language: Language) -> str:
        """`file:line:col: where: what`, in this language."""
        where = f"{self.where}: " if self.where else ""
        return f"{self.file}:{self.line}:{self.column}: {where}{self.told(language)}"
