"""Everything that can be said of what a registry lacks on a day, with both wordings: what, why it matters, what to do.

`names` is shortened for reading; `about` has all of them.
"""

from __future__ import annotations

from rules.fault import Text

FUNCTION_NOBODY = Text(
    "function-nobody",
    "ingen ansvarar för {function}; larm om den går till {role}, som får leta. "
    "Ge funktionen till en organisation (functions)",
    "nobody is responsible for {function}; alarms about it go to {role}, who must search. "
    "Give the function to an organisation (functions)",
)
FUNCTION_UNUSED = Text(
    "function-unused",
    "ingen ansvarar för {function}, och ingen regel, inget händelselag och ingen anläggning behöver den; "
    "ge den till en organisation eller ta bort den",
    "nobody is responsible for {function}, and no rule, kind of incident or asset needs it; "
    "give it to an organisation or remove it",
)
FUNCTION_PARTLY = Text(
    "function-partly",
    "ingen ansvarar för {function} i {names}; ge någon funktionen där, eller i hela staden",
    "nobody is responsible for {function} in {names}; give somebody the function there, or in the whole city",
)
FUNCTION_GAP = Text(
    "function-gap",
    "från och med {day} ansvarar ingen för {function} i {names}{until}; "
    "se vilka organisationer som börjar och slutar då (valid_from, valid_to)",
    "from {day} nobody is responsible for {function} in {names}{until}; "
    "see which organisations begin and end then (valid_from, valid_to)",
)
COORDINATOR_GAP = Text(
    "coordinator-gap",
    "från och med {day} samordnar ingen {names}{until}; "
    "se vilka organisationer som börjar och slutar då (valid_from, valid_to)",
    "from {day} nobody coordinates {names}{until}; see which organisations begin and end then (valid_from, valid_to)",
)
UNTIL = Text("gap-until", ", till och med {day}", ", until and including {day}")
NO_COORDINATOR = Text(
    "area-no-coordinator",
    "ingen samordnar {names} (coordinates); där larmas bara den som samordnar staden, eller {role}",
    "nobody coordinates {names} (coordinates); only whoever coordinates the city is told there, or {role}",
)
ENDS_ALONE = Text(
    "organisation-ends-alone",
    "{name} upphör {day} utan efterträdare; skriv 'succeeded_by', annars når det som gäller den ingen",
    "{name} ends on {day} without a successor; write 'succeeded_by', or what concerns it reaches nobody",
)
SUCCESSOR_LATE = Text(
    "successor-late",
    "{name} upphör {day}, men {successor} finns inte dagen efter; låt den börja då (valid_from)",
    "{name} ends on {day}, but {successor} does not exist the day after; let it begin then (valid_from)",
)
NEED_UNSUPPLIED = Text(
    "need-unsupplied",
    "behöver {function} där ingen ansvarar för den, {count} st: {names}",
    "need {function} where nobody is responsible for it, {count}: {names}",
)
OPERATOR_UNKNOWN = Text(
    "operator-unknown",
    "vem som driver är känt för {known} av {all} anläggningar ({share} %); okänd för {names}",
    "the operator is known for {known} of {all} assets ({share} %); unknown for {names}",
)
PRIORITY_OPERATOR = Text(
    "priority-operator-unknown",
    "särskilt viktiga utan känd 'operator', så att ingen där larmas: {names}",
    "of special importance without a known 'operator', so that nobody there is alerted: {names}",
)
NEVER_EXERCISED = Text(
    "never-exercised",
    "har aldrig övat (exercised), fast var och en ska öva varje år, {count} st: {names}",
    "have never exercised (exercised), though each shall every year, {count}: {names}",
)
EXERCISE_OVERDUE = Text(
    "exercise-overdue",
    "har inte övat på ett år (exercised), {count} st: {names}",
    "have not exercised for a year (exercised), {count}: {names}",
)
NOBODY_TO_TELL = Text(
    "organisation-nobody",
    "har uppgifter men ingen roll som kan larmas, {count} st: {names}; skriv 'duty' eller 'head'",
    "have tasks but no role that can be alerted, {count}: {names}; write 'duty' or 'head'",
)
NO_POST = Text(
    "organisation-no-post",
    "saknar både jour (duty) och chef (head), {count} st: {names}; ingen där kan larmas",
    "have neither a duty role (duty) nor a head (head), {count}: {names}; nobody there can be alerted",
)
NO_DUTY = Text(
    "organisation-no-duty",
    "saknar jour (duty), {count} st: {names}; larm går till chefen",
    "have no duty role (duty), {count}: {names}; alarms go to the head",
)
NO_HEAD = Text(
    "organisation-no-head",
    "saknar chef (head), {count} st: {names}; om jouren försvinner larmas ingen annan där",
    "have no head (head), {count}: {names}; if the duty role goes, nobody else there is alerted",
)
NO_REQUIRED_ROLE = Text(
    "required-role-missing",
    "saknar {role}, som profilen kräver av alla egna nämnder och bolag (required_roles), {count} st: {names}",
    "lack {role}, which the profile requires of all its own boards and companies (required_roles), {count}: {names}",
)
OFFICE_ALONE = Text(
    "office-alone",
    "bara på kontorstid, och ingen jour svarar annars: {names}; skriv 'covered_by' med en roll som är bemannad",
    "only in office hours, and no duty role answers otherwise: {names}; write 'covered_by' with a role that is manned",
)
NO_COUNTERPART = Text(
    "no-counterpart",
    "ansvarar för en funktion men är utanför staden, och ingen i staden håller kontakten (counterpart), "
    "{count} st: {names}",
    "responsible for a function but outside the city, and nobody in the city keeps contact (counterpart), "
    "{count}: {names}",
)
AND_MORE = Text("and-more", "{names} och {more} till", "{names} and {more} more")
