"""Everything that can be said of who has which role in a profile's files, with both wordings."""

from __future__ import annotations

from rules.fault import Text

NO_CHANNEL = Text(
    "person-no-channel",
    "ingen kanal (contacts); personen kan inte nås",
    "no channel (contacts); the person cannot be reached",
)
NO_DEPUTY = Text(
    "duty-no-deputy",
    "{role}@{organisation} saknar ersättare; ange 'deputies' eller 'covered_by'",
    "{role}@{organisation} has no deputy; give 'deputies' or 'covered_by'",
)
COVER_RING = Text(
    "cover-ring",
    "rollerna täcker varandra i en ring ({ring}); låt en av dem täckas av någon utanför den, till exempel tib",
    "the roles cover each other in a ring ({ring}); let one of them be covered by somebody outside it, such as tib",
)
NO_LAST_RESORT = Text(
    "no-last-resort",
    "ingen har rollen '{role}', som alltid ska kunna nås (avsnittet duties)",
    "nobody has the role '{role}', which must always be reachable (section duties)",
)
DUTY_NOBODY = Text(
    "duty-nobody",
    "{role}@{organisation} leder inte till någon person",
    "{role}@{organisation} leads to no person",
)
POST_NOBODY = Text(
    "post-nobody",
    "ingen har rollen {role}@{organisation} (avsnittet duties)",
    "nobody has the role {role}@{organisation} (section duties)",
)
TOLD_NOBODY = Text("told-nobody", "ingen har rollen {role}@{organisation}", "nobody has the role {role}@{organisation}")
ROLE_NOBODY = Text(
    "role-nobody", "ingen har rollen {role} (avsnittet duties)", "nobody has the role {role} (section duties)"
)
POST_TWICE = Text("post-twice", "{role}@{organisation} står två gånger", "{role}@{organisation} is there twice")
NOBODY_RESPONSIBLE = Text(
    "rule-unresolved",
    "regeln leder inte till någon ansvarig; bara {role} får veta. Skriv 'concerns' eller 'notify'",
    "the rule leads to nobody responsible; only {role} is told. Write 'concerns' or 'notify'",
)
NOBODY_REACHED = Text(
    "rule-unheard",
    "ingen skulle höra av regeln: de som den larmar har ingen kanal (contacts)",
    "nobody would hear of the rule: those it alerts have no channel (contacts)",
)
