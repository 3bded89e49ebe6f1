"""The registry as one HTML page: everything in the file, no script, nothing fetched. It can be mailed and printed.

What is told of an organisation or an asset is `notifiers.description`'s; the page only arranges it.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from notifiers import registry_words as words
from notifiers.catalogue import Catalogue, Entry, Marked, Sort
from notifiers.description import Describing
from notifiers.matrix import Holder, Matrix
from notifiers.registry_lint import own
from rules.explain import area_name, uncapitalised
from rules.registry import UNKNOWN_OPERATOR, Area, AreaKind, Organisation, OrganisationKind, Relation

HERE = Path(__file__).parent
SIGN = {Relation.DIRECT: "●", Relation.REQUEST: "◆", Relation.INFORM: "○"}
ASKED = {Relation.DIRECT: "uppdrag", Relation.REQUEST: "begäran", Relation.INFORM: "får veta"}
HEADING = {
    OrganisationKind.BOARD: "Nämnder och förvaltningar",
    OrganisationKind.DISTRICT_BOARD: "Stadsdelsnämnder",
    OrganisationKind.COMPANY: "Bolag",
    OrganisationKind.EXTERNAL: "Utanför staden",
    OrganisationKind.INDEPENDENT_PRINCIPAL: "Enskilda huvudmän",
    OrganisationKind.SUPPLIER: "Leverantörer",
}
SORT = {Sort.ORGANISATION: "organisation", Sort.ASSET: "anläggning", Sort.ROLE: "roll", Sort.SECTOR: "sektor"}


def registry_page(describing: Describing, findings: tuple[str, ...]) -> str:
    """The page, complete."""
    css = "\n".join((HERE / "static" / name).read_text("utf-8") for name in ("beredd.css", "registry.css"))
    environment = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    about = _Page(describing).values() | {"findings": findings, "css": css, "css_hash": _hash(css)}
    return environment.get_template("registry.html").render(about)


def _hash(css: str) -> str:
    """What a content security policy calls this style sheet."""
    return "sha256-" + base64.b64encode(hashlib.sha256(css.encode()).digest()).decode()


class _Page:
    """One page being filled."""

    def __init__(self, describing: Describing) -> None:
        self.of = describing
        self.registry = describing.registry

    def values(self) -> dict[str, Any]:
        settings, matrix = self.of.profile.policy.settings, Matrix(self.registry, self.of.today)
        city = self.registry.areas[self.registry.city]
        return {
            "name": settings.name,
            "invented": settings.invented,
            "day": self.of.today.isoformat(),
            "hash": self.of.profile.hash,
            "legend": [{"sign": SIGN[r], "asked": ASKED[r], "said": words.RELATION[r]} for r in Relation],
            "columns": [area_name(a, self.registry) for a in matrix.areas],
            "matrix": [
                self._row(r.function.name, [(c.areas, c.holders) for c in r.cells], matrix) for r in matrix.rows
            ],
            "city": self._area(city),
            "areas": [self._area(a) for a in self._inside(city.id)],
            "assets": [self._asset(a) for a in self.registry.assets],
            "kinds": [group for kind in OrganisationKind if (group := self._kind(kind))["rows"]],
            "unconfirmed": [_unconfirmed(m) for m in Catalogue(self.of.profile).unconfirmed],
        }

    # --- who answers where -------------------------------------------------------------------------------------------

    def _row(
        self, name: str, cells: Iterable[tuple[tuple[str, ...], tuple[Holder, ...]]], matrix: Matrix
    ) -> dict[str, Any]:
        return {"name": name, "cells": [self._cell(areas, holders, len(matrix.areas)) for areas, holders in cells]}

    def _cell(self, areas: tuple[str, ...], holders: tuple[Holder, ...], of: int) -> dict[str, Any]:
        everywhere = len(areas) == of
        label = "Överallt" if everywhere else ", ".join(area_name(a, self.registry) for a in areas)
        return {"span": len(areas), "label": label, "holders": [self._holder(h) for h in holders]}

    def _holder(self, holder: Holder) -> dict[str, Any]:
        known = self.of.heir(holder.organisation)
        only = area_name(holder.only, self.registry) if holder.only else None
        role = self.of.role(holder.role) if holder.role else None
        return self._organisation(known) | {"role": role, "only": only}

    def _organisation(self, known: Organisation) -> dict[str, Any]:
        return {"name": known.name, "sign": SIGN[known.relation], "asked": ASKED[known.relation]}

    # --- areas -------------------------------------------------------------------------------------------------------

    def _inside(self, area: str) -> list[Area]:
        found = [a for a in self.registry.areas.values() if a.parent == area]
        return sorted(found, key=lambda a: a.kind is AreaKind.NEIGHBOURHOOD)

    def _area(self, area: Area) -> dict[str, Any]:
        organisation = self.registry.coordinator(area.id, self.of.today)
        return {
            "name": area.name,
            "kind": words.AREA[area.kind],
            "coordinator": self.of.heir(organisation).name if organisation is not None else None,
            "needs_coordinator": area.kind is not AreaKind.NEIGHBOURHOOD,
            "former": [f"{f.name} (till och med {f.until})" for f in area.former],
            "inside": [a.name for a in self._inside(area.id)],
        }

    # --- assets and organisations ------------------------------------------------------------------------------------

    def _asset(self, asset: str) -> dict[str, Any]:
        known = self.registry.assets[asset]
        operator = self.of.heir(known.operator) if known.operator != UNKNOWN_OPERATOR else None
        return {
            "name": known.name,
            "priority": known.priority,
            "area": area_name(known.area, self.registry),
            "operator": self._organisation(operator) if operator else None,
            "needs": [self._supplied(function, known.area) for function in known.needs],
            "depends_on": [self.registry.assets[a].name for a in known.depends_on],
            "users": [self.registry.organisations[u.organisation].name for u in known.users],
        }

    def _supplied(self, function: str, area: str) -> dict[str, Any]:
        found = self.registry.answering(function, area, self.of.today)
        holders = [self._organisation(self.of.heir(o)) for o, _ in found[1]] if found else []
        return {"name": self.registry.functions[function].name, "holders": holders}

    def _kind(self, kind: OrganisationKind) -> dict[str, Any]:
        found = [o for o in self.registry.organisations.values() if o.kind is kind]
        return {"heading": HEADING[kind], "rows": [self._organised(o) for o in found]}

    def _organised(self, known: Organisation) -> dict[str, Any]:
        named = self.registry.organisations
        facts = {k.key: k.lines for k in self.of.describe(Entry(Sort.ORGANISATION, known.id, known.name))}
        return self._organisation(known) | {
            "valid": self.of.validity(known) or "tills vidare",
            "now": facts.get("now", ()),
            "functions": [uncapitalised(self.registry.functions[f.function].name) for f in known.functions],
            "duty": self.of.post(known.duty, known.id),
            "head": self.of.post(known.head, known.id),
            "counterpart": named[known.counterpart].name if known.counterpart else None,
            "supervisors": [named[o].name for o in known.supervisors],
            "exercised": str(known.exercised or ("aldrig" if own(known) else "")),
        }


def _unconfirmed(marked: Marked) -> dict[str, str]:
    return {"name": marked.name, "sort": SORT[marked.sort], "said": marked.unconfirmed}
