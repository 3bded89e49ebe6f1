"""Everything that can be said of what stands in a profile's files: one entry per message, with both wordings.

The Swedish is for a preparedness officer who has never seen the program: what was expected, what was found, what to
write instead.
"""

from __future__ import annotations

from rules.fault import Text

# --- sections and entries --------------------------------------------------------------------------------------------
SECTION_MISSING = Text(
    "section-missing", "ingen fil har avsnittet '{section}:'", "no file has the section '{section}:'"
)
SECTION_SINGLE = Text(
    "section-keys", "väntade nycklar och värden under avsnittet", "expected keys and values below the section"
)
SECTION_TWICE = Text("section-twice", "avsnittet finns redan i {file}", "the section is already in {file}")
SECTION_LIST = Text(
    "section-list",
    "väntade en lista; börja varje post med '- '",
    "expected a list; begin each entry with '- '",
)
ENTRY_KEYS = Text(
    "entry-keys", "väntade en post med nycklar, fick {found}", "expected an entry with keys, found {found}"
)
KEY_MISSING = Text("key-missing", "nyckeln {key!r} saknas", "the key {key!r} is missing")
KEY_UNKNOWN = Text("key-unknown", "okänd nyckel {given!r}{near}", "unknown key {given!r}{near}")
KEY_SWEDISH = Text(
    "key-swedish",
    "nycklarna är på engelska: skriv {key!r} i stället för {given!r}",
    "the keys are in English: write {key!r} instead of {given!r}",
)
KEY_INNER = Text(
    "key-inner",
    "nyckeln {given!r} hör hemma under {inner!r}; dra in raden",
    "the key {given!r} belongs below {inner!r}; indent the line",
)
KEY_OUTER = Text(
    "key-outer",
    "nyckeln {given!r} hör inte till {inner!r}; dra ut raden till postens egna nycklar",
    "the key {given!r} does not belong to {inner!r}; move the line out to the entry's own keys",
)
KEY_COMMA = Text(
    "key-comma",
    "{found} är ingen nyckel; ett decimalkomma delar värdet i två, skriv decimalpunkt (1.30)",
    "{found} is no key; a decimal comma cuts the value in two, write a decimal point (1.30)",
)
SECTION_UNKNOWN = Text("section-unknown", "okänt avsnitt {given!r}{near}", "unknown section {given!r}{near}")
NAME_UNKNOWN = Text("name-unknown", "{okänt} {what} {given!r}{near}", "unknown {what} {given!r}{near}")
NEAR = Text("near", "; menade du {name!r}?", "; did you mean {name!r}?")

# --- values ----------------------------------------------------------------------------------------------------------
COMMA = Text("value-comma", "skriv decimaltal med punkt: {point}", "write decimals with a point: {point}")
QUOTED_NUMBER = Text(
    "value-quoted-number",
    "ett tal skrivs utan citattecken: {number}",
    "a number is written without quotes: {number}",
)
NUMBER_UNIT = Text(
    "value-number-unit",
    "skriv bara talet, utan enhet: {number}; enheten står i givarslaget",
    "write only the number, without its unit: {number}; the unit is in the kind of sensor",
)
NUMBER = Text("value-number", "väntade ett tal, fick {found}", "expected a number, found {found}")
WHOLE = Text("value-whole", "väntade ett heltal, fick {found}", "expected a whole number, found {found}")
FINITE = Text("value-finite", "väntade ett ändligt tal, fick {found}", "expected a finite number, found {found}")
CHOICE = Text("value-choice", "väntade {choices}, fick {found}{near}", "expected {choices}, found {found}{near}")
DURATION = Text(
    "value-duration",
    "väntade en tid som '10 min', '2 h' eller '1 d', fick {found}{near}",
    "expected a time such as '10 min', '2 h' or '1 d', found {found}{near}",
)
EMPTY_VALUE = Text(
    "value-empty",
    "värdet efter {key!r} saknas; skriv ett, eller ta bort nyckeln",
    "the value after {key!r} is missing; write one, or remove the key",
)
CURLY = Text(
    "value-curly-quotes",
    'sneda citattecken läses som text; skriv raka ("), eller inga alls: {plain}',
    'curly quotes are read as text; write straight ones ("), or none at all: {plain}',
)
ID_NOT_NAME = Text("id-not-name", "; skriv dess id och inte namnet", "; write its id and not its name")
ID_LIST = Text("id-list", "; flera skrivs [a, b]", "; several are written [a, b]")
ID = Text(
    "value-id",
    "väntade ett id av a-z, 0-9 och - _ . (inga mellanslag, inga å ä ö), fick {found}{near}",
    "expected an id of a-z, 0-9 and - _ . (no spaces, no å ä ö), found {found}{near}",
)
TOO_LONG = Text(
    "value-long",
    "texten är för lång ({length} tecken; högst {most})",
    "the text is too long ({length} characters; at most {most})",
)
TOO_SHORT = Text("value-short", "texten är tom", "the text is empty")
FEW = Text("value-few", "listan behöver minst {least} poster", "the list needs at least {least} entries")
MANY = Text(
    "value-many", "listan har för många poster (högst {most})", "the list has too many entries (at most {most})"
)
TEXT = Text(
    "value-text",
    "väntade text, fick {found}; sätt citattecken om det är text",
    "expected text, found {found}; put quotes around it if it is text",
)
BOOL = Text("value-bool", "väntade true eller false, fick {found}{near}", "expected true or false, found {found}{near}")
KEYS = Text(
    "value-keys", "väntade nycklar och värden här, fick {found}", "expected keys and values here, found {found}"
)
THOUSANDS = Text("value-thousands", "skriv talet utan mellanrum: {number}", "write the number without spaces: {number}")
ONE_VALUE = Text("value-one", "väntade ett enda värde, fick {found}", "expected one single value, found {found}")
LIST = Text("value-list", "väntade en lista, fick {found}", "expected a list, found {found}")
LEAST = Text("value-least", "väntade minst {limit}, fick {found}", "expected at least {limit}, found {found}")
MOST = Text("value-most", "väntade högst {limit}, fick {found}", "expected at most {limit}, found {found}")
OVER = Text("value-over", "väntade mer än {limit}, fick {found}", "expected more than {limit}, found {found}")
UNDER = Text("value-under", "väntade mindre än {limit}, fick {found}", "expected less than {limit}, found {found}")
DATE = Text(
    "value-date",
    "väntade ett datum (2026-10-13) eller en tid med zon (2026-10-13T05:40:00+02:00), fick {found}",
    "expected a date (2026-10-13) or a time with its zone (2026-10-13T05:40:00+02:00), found {found}",
)
EDGE_OF_TIME = Text(
    "value-edge-of-time", "tiden ligger för nära år 1 eller år 9999", "the time is too near the year 1 or 9999"
)
MISFIT = Text("value-misfit", "värdet passar inte här, fick {found}", "the value does not fit here, found {found}")
OTHER = Text("value-other", "{said}, fick {found}", "{said}, found {found}")

# --- conditions ------------------------------------------------------------------------------------------------------
CONDITION_KIND = Text(
    "condition-kind",
    "ett villkor börjar med en av: {keys}{near}",
    "a condition begins with one of: {keys}{near}",
)
CONDITION_INNER = Text(
    "condition-inner",
    "ett villkor inuti ett annat börjar med en av: {keys}; 'all', 'any' och 'first' kan inte stå i varandra",
    "a condition within another begins with one of: {keys}; 'all', 'any' and 'first' cannot stand in each other",
)
CONDITION_LIST = Text(
    "condition-list",
    "ett villkor är nycklar och inte en lista; ta bort strecket, eller skriv 'all:' eller 'any:' ovanför flera",
    "a condition is keys and not a list; remove the dash, or write 'all:' or 'any:' above several",
)
LIMIT_MISSING = Text(
    "limit-missing",
    "ett sensorvillkor behöver 'above', 'below', 'between', 'rises', 'falls' eller 'silent_for'",
    "a sensor condition needs 'above', 'below', 'between', 'rises', 'falls' or 'silent_for'",
)
LIMIT_MIXED = Text(
    "limit-mixed",
    "en gräns, ett band, en ändring och tystnad är olika villkor; skriv ett av dem, eller flera i 'all'",
    "a limit, a band, a change and silence are different conditions; write one of them, or several in 'all'",
)
LIMIT_EMPTY = Text(
    "limit-empty",
    "inget värde kan vara både över 'above' och under 'below'",
    "no value can be both above 'above' and below 'below'",
)
BAND_EMPTY = Text(
    "band-empty",
    "det första talet i 'between' ska vara det lägre",
    "the first number of 'between' must be the lower one",
)
LATENESS_LONG = Text(
    "lateness-long",
    "'lateness' får vara högst så lång som 'valid_for': ett värde som är för gammalt räknas ändå inte",
    "'lateness' may be at most as long as 'valid_for': a value that is too old does not count anyway",
)
CHANGE_WITHIN = Text(
    "change-within",
    "'rises' och 'falls' behöver 'within' (inom vilken tid), och bara de; 'for' är hur länge en gräns ska ha hållit",
    "'rises' and 'falls' need 'within' (in what time), and only they do; 'for' is how long a limit must have held",
)
DIFFERENT_OF_ONE = Text(
    "different-of-one",
    "'different' behöver 'at_least: 2' eller mer",
    "'different' needs 'at_least: 2' or more",
)
IN_A_ROW = Text(
    "in-a-row",
    "'in_a_row' skrivs med 'broken_by' (andra händelselag än de som räknas) och utan 'at_least'",
    "'in_a_row' is written with 'broken_by' (other kinds than those counted) and without 'at_least'",
)
UNTIL_SILENT = Text(
    "until-silent",
    "att en givare är tyst kan inte göra att något är över",
    "that a sensor is silent cannot mean that something is over",
)
CALENDAR_ALONE = Text(
    "calendar-alone",
    "'calendar' står i ett 'all' tillsammans med något som händer",
    "'calendar' stands in an 'all' together with something that happens",
)
CALENDAR_UNTIL = Text(
    "calendar-until", "klockan kan inte göra att något är över", "the clock cannot mean that something is over"
)
DISTRICTS_EACH = Text(
    "districts-each",
    "villkoret 'districts' gäller hela staden: ta bort 'each'",
    "the condition 'districts' holds for the whole city: remove 'each'",
)

# --- references ------------------------------------------------------------------------------------------------------
ID_TWICE = Text("id-twice", "id {id!r} finns redan i {file}", "id {id!r} is already in {file}")
SENSOR_IS_KIND = Text(
    "sensor-is-kind",
    "{id!r} är också ett givarslag; en regel kan inte veta vilket som menas",
    "{id!r} is also a kind of sensor; a rule cannot know which one is meant",
)
CITY_PARENT = Text(
    "city-parent",
    "staden har ingen 'parent'; alla andra områden har en",
    "the city has no 'parent'; every other area has one",
)
CITY_TWICE = Text("city-twice", "det finns redan en stad ({city})", "there is already a city ({city})")
AREA_INSIDE = Text(
    "area-inside",
    "{kind} kan inte ligga i {outer} ({parent})",
    "{kind} cannot lie in {outer} ({parent})",
)
AREA_RING = Text("area-ring", "områdena ligger i varandra i en ring", "the areas lie in each other in a ring")
DECLARED_BY = Text(
    "declared-by",
    "en nivå som förklaras utifrån behöver 'by:' (myndigheten som beslutar)",
    "a level that is declared from outside needs 'by:' (the authority that decides)",
)
LOWEST_LEVEL = Text(
    "lowest-level",
    "den lägsta nivån (den första) måste ha 'entered: detected'; skriv nivåerna lägst först",
    "the lowest level (the first) must have 'entered: detected'; write the levels lowest first",
)
REGISTRARS = Text(
    "registrars",
    "{level!r} registreras av {needed} olika personer, men bara {found} får (declare och lift)",
    "{level!r} is registered by {needed} different persons, but only {found} may (declare and lift)",
)
TIMEZONE = Text(
    "timezone",
    "tidszonen {zone!r} finns inte; till exempel Europe/Stockholm",
    "the time zone {zone!r} does not exist; for example Europe/Stockholm",
)
MAP_MISSING = Text("map-missing", "filen {file!r} finns inte i {folder}", "the file {file!r} is not in {folder}")
ONLY_BY_DECISION = Text(
    "only-by-decision",
    "{level!r} kan bara följa på ett bekräftat beslut (when: decision: {level})",
    "{level!r} can only follow from a confirmed decision (when: decision: {level})",
)
DECISION_OF = Text(
    "decision-of",
    "{level!r} beslutas av {by} och registreras av minst {needed} personer",
    "{level!r} is decided by {by} and registered by at least {needed} persons",
)
BRACE = Text(
    "placeholder-brace",
    "en klammer {{ eller }} utan sin andra; skriv {{{{ eller }}}} för tecknet självt",
    "a brace {{ or }} without the other; write {{{{ or }}}} for the character itself",
)

# --- parts of sentences ----------------------------------------------------------------------------------------------
NOTHING = Text("nothing", "ingenting", "nothing")
A_LIST = Text("a-list", "en lista", "a list")
A_MAPPING = Text("a-mapping", "nycklar och värden", "keys and values")
HUGE = Text("huge", "ett tal med hundratals siffror", "a number of hundreds of digits")
OR = Text("or", "{first} eller {last}", "{first} or {last}")
AT_MOST = Text("at-most", "; högst {limit}", "; at most {limit}")
AT_LEAST = Text("at-least", "; minst {limit}", "; at least {limit}")
WRITE_UNIT = Text("write-unit", "; skriv enheten efter talet", "; write the unit after the number")
WRITE = Text("write", "; skriv {text}", "; write {text}")

WORDS = {
    "avsnitt": "section",
    "område": "area",
    "funktion": "function",
    "sektor": "sector",
    "organisation": "organisation",
    "anläggning": "asset",
    "givare": "sensor",
    "givarslag": "kind of sensor",
    "händelselag": "kind of incident",
    "nivå": "level",
    "roll": "role",
    "person": "person",
    "nyckel": "key",
    "platshållare": "placeholder",
    "källa": "source",
    "regel": "rule",
    "post": "post",
    "kanal": "channel",
    "anläggningsslag": "kind of asset",
}
"""What may be unknown, in both languages."""
NEUTER = frozenset({"avsnitt", "område", "givarslag", "händelselag", "anläggningsslag"})
