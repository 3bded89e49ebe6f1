"""Everything that can be said of a file that cannot be read at all, and of YAML that cannot: with both wordings."""

from __future__ import annotations

from rules.fault import Text

# --- directories and files -------------------------------------------------------------------------------------------
NO_FILES = Text("no-files", "hittar inga YAML-filer här", "there are no YAML files here")
UNREADABLE = Text("file-unreadable", "filen går inte att läsa: {why}", "the file cannot be read: {why}")
NOT_A_FILE = Text("file-not-plain", "det här är ingen vanlig fil", "this is no ordinary file")
TOO_BIG = Text(
    "file-too-big",
    "filen är {size} kB; högst {most} kB går att läsa; dela den i flera",
    "the file is {size} kB; at most {most} kB can be read; split it into several",
)
TOO_MUCH = Text(
    "profile-too-big",
    "filerna är tillsammans mer än {most} MB; resten läses inte",
    "the files are more than {most} MB together; the rest is not read",
)
NOT_UTF8 = Text(
    "file-not-utf-8",
    "filen är inte UTF-8; spara den som UTF-8 i textredigeraren",
    "the file is not UTF-8; save it as UTF-8 in the text editor",
)
UNPRINTABLE = Text(
    "file-unprintable",
    "tecknet {char} kan inte stå i en YAML-fil; ta bort det",
    "the character {char} cannot stand in a YAML file; remove it",
)
NOT_TEXT = Text(
    "file-not-text",
    "det här är ett dokument (Word, Excel, PDF eller zip) och ingen textfil; spara det som ren text",
    "this is a document (Word, Excel, PDF or zip) and no text file; save it as plain text",
)
EMPTY = Text(
    "file-empty",
    "filen är tom; väntade till exempel 'rules:' följt av en lista",
    "the file is empty; expected for example 'rules:' followed by a list",
)
NO_SECTION = Text(
    "file-no-section",
    "filen börjar inte med ett avsnitt; väntade till exempel 'rules:' följt av en lista",
    "the file does not begin with a section; expected for example 'rules:' followed by a list",
)
MANY_FAULTS = Text(
    "many-faults",
    "och fler fel än {shown} i den här filen; rätta de första och granska igen",
    "and more than {shown} errors in this file; mend the first ones and check again",
)

# --- YAML ------------------------------------------------------------------------------------------------------------
TAB = Text(
    "yaml-tab", "tabbtecken i indraget; använd mellanslag", "a tab character in the indentation; use spaces instead"
)
NBSP = Text(
    "yaml-hard-space",
    "ett hårt mellanslag i indraget (ofta inklistrat från Word); skriv vanliga mellanslag",
    "a hard space in the indentation (often pasted from Word); write ordinary spaces",
)
COLON = Text(
    "yaml-colon",
    "ett kolon i värdet; sätt citattecken runt värdet",
    "a colon in the value; put quotes around the value",
)
KEY_TWICE = Text(
    "yaml-key-twice", "nyckeln {key!r} står två gånger; behåll en", "the key {key!r} is there twice; keep one"
)
INDENT = Text(
    "yaml-indent",
    "raden är indragen för lite eller för mycket; poster och nycklar som hör ihop börjar i samma kolumn",
    "the line is indented too little or too much; entries and keys that belong together begin in the same column",
)
DASH_MISSING = Text(
    "yaml-dash-missing",
    "här börjar en ny post med '- ', men posten ovanför har inget streck; skriv '- ' framför dess första nyckel",
    "a new entry begins here with '- ', but the one above has no dash; write '- ' before its first key",
)
DASH_EXTRA = Text(
    "yaml-dash-extra",
    "ett streck för mycket, eller ett på fel plats; bara den första nyckeln i varje post har '- '",
    "one dash too many, or one in the wrong place; only the first key of each entry has '- '",
)
LIST_LINE = Text(
    "yaml-list-line",
    "en lista börjar på en egen rad, under sin nyckel; flytta '- ' till nästa rad",
    "a list begins on a line of its own, below its key; move '- ' to the next line",
)
NO_COLON = Text(
    "yaml-no-colon",
    "ett kolon saknas efter nyckeln {key}; skriv nyckel, kolon, mellanslag, värde",
    "a colon is missing after the key {key}; write key, colon, space, value",
)
QUOTE_OPEN = Text(
    "yaml-quote-open",
    "ett citattecken som börjar här har inget slut, eller slutar för tidigt",
    "a quote that begins here has no end, or ends too early",
)
QUOTE_AFTER = Text(
    "yaml-quote-after",
    "text efter ett citat som redan är slut; sätt citattecken runt hela värdet",
    "text after a quotation that has already ended; put quotes around the whole value",
)
BRACKET_OPEN = Text(
    "yaml-bracket-open",
    "en klammer eller hake ('{{' eller '[') som inte stängs, eller ett komma som saknas",
    "a brace or bracket ('{{' or '[') that is not closed, or a missing comma",
)
BRACKET_AFTER = Text(
    "yaml-bracket-after",
    "ett värde som börjar med '{{' eller '[' läses inte som text; sätt citattecken runt hela värdet",
    "a value that begins with '{{' or '[' is not read as text; put quotes around the whole value",
)
BRACKET_STRAY = Text(
    "yaml-bracket-stray",
    "'{char}' kan inte stå här; sätt citattecken runt värdet om det är text",
    "'{char}' cannot stand here; put quotes around the value if it is text",
)
CHAR_START = Text(
    "yaml-char",
    "ett värde kan inte börja med {char!r}; sätt citattecken runt värdet",
    "a value cannot begin with {char!r}; put quotes around the value",
)
ESCAPE = Text(
    "yaml-escape",
    "omvänt snedstreck mellan dubbla citattecken betyder något särskilt; använd enkla citattecken",
    "a backslash between double quotes means something special; use single quotes",
)
ALIAS_UNKNOWN = Text(
    "yaml-alias-unknown",
    "'*' framför ett ord är en hänvisning i YAML, och {name!r} finns inte; sätt citattecken om det är text",
    "'*' before a word is a reference in YAML, and {name!r} does not exist; use quotes if it is text",
)
ALIASES = Text(
    "yaml-aliases",
    "för många alias (*namn); skriv ut värdena i stället",
    "too many aliases (*name); write out the values instead",
)
TAG = Text(
    "yaml-tag",
    "ett utropstecken först i värdet betyder något särskilt i YAML; sätt citattecken runt värdet",
    "an exclamation mark first in the value means something special in YAML; put quotes around the value",
)
DOCUMENTS = Text(
    "yaml-documents",
    "raden '---' börjar en ny fil i filen; ta bort den, eller dela upp filen",
    "the line '---' begins a second file within the file; remove it, or split the file",
)
NO_DATE = Text("yaml-no-date", "datumet {date} finns inte", "the date {date} does not exist")
DEEP = Text("yaml-deep", "för många nivåer av indrag eller hakar", "too many levels of indentation or brackets")
OTHER_YAML = Text(
    "yaml-other",
    "går inte att tolka; det är oftast indraget, ett kolon eller ett citattecken på raden eller på den ovanför",
    "cannot be understood; mostly it is the indentation, a colon or a quote on this line or the one above",
)

# --- the map ---------------------------------------------------------------------------------------------------------
MAP_UNREADABLE = Text("map-unreadable", "kartan går inte att läsa: {why}", "the map cannot be read: {why}")
MAP_NOT_UTF8 = Text("map-not-utf-8", "kartan är inte UTF-8", "the map is not UTF-8")
MAP_NOT_JSON = Text("map-not-json", "kartan är inte JSON: {why}", "the map is no JSON: {why}")
MAP_KEY = Text(
    "map-key",
    "kartan saknar nyckeln {key}; väntade GeoJSON med features",
    "the map lacks the key {key}; expected GeoJSON with features",
)
MAP_AREA = Text(
    "map-area",
    "ytan {area!r} hör inte till något område i avsnittet areas",
    "the surface {area!r} belongs to no area in the section areas",
)
MAP_NOT_GEOJSON = Text(
    "map-not-geojson",
    "kartan är ingen GeoJSON som går att läsa ({why})",
    "the map is no GeoJSON that can be read ({why})",
)
