"""The Swedish words for the values of a registry."""

from __future__ import annotations

from notifiers.roster import OnCall
from rules.registry import AreaKind, OrganisationKind, Relation

AREA = {AreaKind.CITY: "staden", AreaKind.DISTRICT: "stadsdelsområde", AreaKind.NEIGHBOURHOOD: "stadsdel"}
ORGANISATION = {
    OrganisationKind.BOARD: "nämnd",
    OrganisationKind.DISTRICT_BOARD: "stadsdelsnämnd",
    OrganisationKind.COMPANY: "bolag",
    OrganisationKind.EXTERNAL: "utanför staden",
    OrganisationKind.INDEPENDENT_PRINCIPAL: "enskild huvudman",
    OrganisationKind.SUPPLIER: "leverantör",
}
RELATION = {
    Relation.DIRECT: "stadens egen, får uppdrag",
    Relation.REQUEST: "får en begäran och svarar själv",
    Relation.INFORM: "utanför staden, får veta eller tillfrågas",
}
ON_CALL = {
    OnCall.ALWAYS: "dygnet runt",
    OnCall.ROSTER: "enligt jourlista",
    OnCall.OFFICE: "kontorstid",
    OnCall.CALLED: "kallas in",
}
