"""The Swedish words for what the API and the plan say in English keys. Only words: importing this costs nothing."""

from __future__ import annotations

ACTION = {
    "act": "agera",
    "decide": "besluta",
    "coordinate": "samordna",
    "support": "stödja",
    "inform": "få veta",
}
RELATION = {
    "direct": "stadens egen",
    "request": "begäran",
    "inform": "information",
}
PRINCIPLE = {
    "responsibility": "ansvarsprincipen",
    "proximity": "närhetsprincipen",
    "similarity": "likhetsprincipen",
    "area_responsibility": "geografiskt områdesansvar",
    "statutory_duty": "lagstadgad uppgift",
    "cooperation": "samverkan",
}
BASIS = {
    "detected": "beräknad",
    "provisional": "föreslagen, väntar på beslut",
    "decided": "beslutad",
    "wider": "beslutad i ett överordnat ärende",
}
STATE = {
    "asked": "tillfrågad",
    "delivered": "har fått veta",
    "acknowledged": "har svarat",
    "undelivered": "ingen har svarat; frågas igen",
    "cancelled": "avslutad",
}
PROPOSAL = {
    "pending": "väntar på beslut",
    "granted": "bifallet",
    "refused": "avslaget",
    "withdrawn": "återtaget",
    "superseded": "ersatt av ett annat beslut eller förslag",
}
