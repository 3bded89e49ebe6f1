"""XML from outside -> the CAP messages in it. DTDs and entities are refused before they are read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from xml.etree.ElementTree import Element, ParseError

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import fromstring

from streams.bounded_json import bound
from streams.plain_errors import shown
from streams.refusal import Reason, Refused

ATOM = "http://www.w3.org/2005/Atom"
CAP_1_0 = "http://www.incident.com/cap/1.0"
CAP = "urn:oasis:names:tc:emergency:cap:"


@dataclass(frozen=True, slots=True)
class Part:
    """An element of a CAP message: an alert, an info, an area, or an Atom entry that stands for all three."""

    element: Element

    def text(self, name: str) -> str:
        """The text of the first CAP child of this name that has any, without white space around it; else ''."""
        return next(self.texts(name), "")

    def texts(self, name: str) -> Iterator[str]:
        """The texts of the CAP children of this name. An empty element says nothing, and is skipped."""
        return (text for part in self.parts(name) if (text := _text(part.element)))

    def parts(self, name: str) -> list[Part]:
        """The CAP children of this name."""
        return [Part(child) for child in self.element if _local(child) == name and _is_cap(child)]

    def pairs(self, name: str) -> Iterator[tuple[str, str]]:
        """(valueName, value) of the children of this name; some feeds put several in one. CAP 1.0 writes name=value."""
        for part in self.parts(name):
            scheme = ""
            for child in part.element:
                match _local(child):
                    case "valueName":
                        scheme = _text(child)
                    case "value" if value := _text(child):
                        yield scheme, value
            if not len(part.element) and "=" in _text(part.element):
                scheme, _, value = _text(part.element).partition("=")
                yield scheme.strip(), value.strip()

    def atom(self, path: str) -> str:
        """The text at this path of Atom elements, else ''."""
        found = self.element.find("/".join(f"{{{ATOM}}}{step}" for step in path.split("/")))
        return "" if found is None else _text(found)

    def identifier(self) -> str:
        return self.text("identifier") or self.atom("id")

    def is_entry(self) -> bool:
        return _local(self.element) == "entry"

    def has_cap(self) -> bool:
        return any(_is_cap(child) for child in self.element)

    def is_version_1_0(self) -> bool:
        return _space(self.element) == CAP_1_0


def messages_of(body: bytes) -> list[Part]:
    """The alerts of a document, or the entries of an Atom feed (an alert inside an entry stands for the entry)."""
    root = _root(body)
    if _is_alert(root):
        return [Part(root)]
    if _local(root) == "feed" and _space(root) == ATOM:
        entries = [child for child in root if _local(child) == "entry"]
        return [Part(next(filter(_is_alert, entry.iter()), entry)) for entry in entries]
    alerts = [Part(element) for element in root.iter() if _is_alert(element)]
    if not alerts:
        raise Refused(
            Reason.FORMAT,
            f"Innehållet är XML men inte CAP: det börjar med <{_local(root)}> i namnrymden {shown(_space(root))}. "
            f"Väntade <alert> i {CAP}1.2, eller ett Atom-flöde.",
        )
    return alerts


def _root(body: bytes) -> Element:
    bound(body)
    if not body.strip():
        raise Refused(Reason.NOT_XML, "Innehållet är tomt. Skicka en CAP-varning i XML.")
    try:
        root: Element = fromstring(body.lstrip(), forbid_dtd=True)
    except DefusedXmlException:
        raise Refused(
            Reason.DTD, "Innehållet har en DTD eller entiteter, som ingen varning behöver. Ta bort <!DOCTYPE ...>."
        ) from None
    except ParseError as error:
        line, column = error.position
        raise Refused(
            Reason.NOT_XML,
            f"Innehållet är inte giltig XML: läsningen tog stopp på rad {line}, tecken {column + 1}. "
            "Kontrollera att inget har fallit bort på slutet, och att filen har den teckenkodning den säger.",
        ) from None
    except (ValueError, LookupError):
        raise Refused(
            Reason.NOT_XML, "XML-deklarationen anger en teckenkodning som inte går att läsa. Spara om i UTF-8."
        ) from None
    return root


def _text(element: Element) -> str:
    return (element.text or "").strip()


def _local(element: Element) -> str:
    return str(element.tag).rpartition("}")[2]


def _space(element: Element) -> str:
    return str(element.tag)[1:].partition("}")[0] if str(element.tag).startswith("{") else ""


def _is_cap(element: Element) -> bool:
    space = _space(element)
    return space in ("", CAP_1_0) or space.startswith(CAP)


def _is_alert(element: Element) -> bool:
    return _local(element) == "alert" and _is_cap(element)
