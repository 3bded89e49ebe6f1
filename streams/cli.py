"""The command line: names, options and help. What a command does is `streams.commands`'.

Nothing heavy is imported here, so that `--help` and a mistyped word are answered at once.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from streams.commands.console import RED, CommandError, talk
from streams.commands.swedish import SwedishCommand, SwedishGroup

LOOPBACK = "http://127.0.0.1:8080"


def _examples(*lines: str) -> str:
    return "\n".join(("\b", "Exempel:", *(f"  {line}" for line in lines)))


app = typer.Typer(
    name="beredd",
    cls=SwedishGroup,
    help="Larmar rätt personer när något händer i staden, och ser till att någon svarar.",
    epilog=_examples("beredd demo", "beredd check rules/stockholm", "beredd who --incident fire --area Södermalm"),
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
events_app = typer.Typer(
    cls=SwedishGroup,
    help="Lämnar in händelser; visar vad som tagits emot och avvisats.",
    epilog=_examples("beredd events send händelser.ndjson", "beredd events log --refused"),
    no_args_is_help=True,
    rich_markup_mode=None,
)
app.add_typer(events_app, name="events")
registry_app = typer.Typer(
    cls=SwedishGroup,
    help="Visar, söker, granskar och ritar registret: områden, organisationer, anläggningar, roller.",
    epilog=_examples("beredd registry", "beredd registry show Järva", "beredd registry draw --out registret.html"),
    invoke_without_command=True,
    rich_markup_mode=None,
)
app.add_typer(registry_app, name="registry")

token_app = typer.Typer(
    cls=SwedishGroup,
    help="Gör nycklar till källor, personer och egna maskiner.",
    epilog=_examples("beredd token new --source svoa-scada", "beredd token new --person p-isak-bjorknaver --days 365"),
    no_args_is_help=True,
    rich_markup_mode=None,
)
app.add_typer(token_app, name="token")

Json = Annotated[bool, typer.Option("--json", help="Skriv JSON i stället för text.")]
To = Annotated[str, typer.Option("--to", metavar="URL", help="Adressen till den beredd som körs.")]
TokenFile = Annotated[
    Path | None,
    typer.Option("--token-file", metavar="FIL", envvar="BEREDD_TOKEN_FILE", help="Fil med din nyckel, på en rad."),
]
Realm = Annotated[str, typer.Option("--realm", metavar="VÄRLD", help="live eller exercise/<övning>.")]
Profile = Annotated[
    Path | None,
    typer.Option("--profile", metavar="KATALOG", help="Profilens katalog; utelämnas: rules/stockholm om den finns."),
]

At = Annotated[str | None, typer.Option("--at", metavar="TID", help="När, i stadens tid; utelämnas: nu.")]


def _leave(command: Callable[[], int]) -> NoReturn:
    """Runs the command and leaves with its exit code; what it cannot do is said, never shown as a traceback."""
    try:
        code = command()
    except CommandError as error:
        talk(str(error), RED)
        code = error.code
    raise typer.Exit(code)


def _version(wanted: bool) -> None:
    if wanted:
        from streams.commands.versions import show

        _leave(show)


@app.callback()
def beredd(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Visa versioner, för den som hjälper dig."),
    ] = False,
) -> None:
    """What holds before any command: `--version` prints and ends."""


Secrets = Annotated[
    Path | None, typer.Option("--secrets", metavar="FIL", help="Kanalernas adresser och allas nycklar.")
]
Host = Annotated[str, typer.Option("--host", metavar="ADRESS", help="Adressen att lyssna på.")]
Port = Annotated[int, typer.Option("--port", metavar="NR", min=0, max=65535, help="Porten; 0: en ledig.")]
PublicUrl = Annotated[
    str | None, typer.Option("--public-url", metavar="URL", help="Adressen i länkar; utelämnas: profilens eller vår.")
]
CallList = Annotated[
    Path | None,
    typer.Option("--call-list", metavar="KATALOG", help="Var ringlistan hålls färsk; utelämnas: där data sparas."),
]


TrustedProxy = Annotated[
    list[str] | None,
    typer.Option(
        "--trusted-proxy",
        metavar="NÄT",
        help="Nät (CIDR) med proxyer framför, vars X-Forwarded-For gäller; kan upprepas.",
    ),
]
TlsCert = Annotated[
    Path | None, typer.Option("--tls-cert", metavar="FIL", help="Certifikatkedja (PEM); då talas bara TLS här.")
]
TlsKey = Annotated[Path | None, typer.Option("--tls-key", metavar="FIL", help="Certifikatets nyckel (PEM).")]


@app.command(
    cls=SwedishCommand, epilog=_examples("beredd run --data /var/lib/beredd --secrets /etc/beredd/secrets.yaml")
)
def run(
    data: Annotated[
        Path, typer.Option("--data", metavar="KATALOG", help="Där beredd sparar; skapas om den inte finns.")
    ],
    profile: Profile = None,
    secrets: Secrets = None,
    host: Host = "127.0.0.1",
    port: Port = 8080,
    public_url: PublicUrl = None,
    peer: Annotated[
        str | None,
        typer.Option("--peer", metavar="URL", help="Reserven: har den tagit över startar den här inte, eller slutar."),
    ] = None,
    call_list: CallList = None,
    trusted_proxy: TrustedProxy = None,
    tls_cert: TlsCert = None,
    tls_key: TlsKey = None,
    token_file: TokenFile = None,
    kafka: Annotated[
        str | None,
        typer.Option("--kafka", metavar="VÄRD:PORT", help="Kör som en av flera arbetare på Kafka i stället för ensam."),
    ] = None,
    prefix: Annotated[str, typer.Option("--prefix", metavar="TEXT", help="Står före varje Kafka-ämnes namn.")] = "",
) -> None:
    """Kör tjänsten tills den stoppas."""
    from streams.commands.run import Front, Given, run_on_kafka
    from streams.commands.run import run as start

    if kafka is not None:
        _leave(lambda: run_on_kafka(Given(data, profile, secrets, call_list), host, port, public_url, kafka, prefix))
        return
    other = (peer, token_file) if peer is not None else None
    front = Front(host, port, public_url, tuple(trusted_proxy or ()), tls_cert, tls_key)
    _leave(lambda: start(Given(data, profile, secrets, call_list), front, other, follow=False))


@app.command(
    cls=SwedishCommand,
    epilog=_examples("beredd standby --from https://larm.example.se --token-file reserv.token --data /var/lib/beredd"),
)
def standby(
    source: Annotated[str, typer.Option("--from", metavar="URL", help="Adressen till den beredd som följs.")],
    data: Annotated[Path, typer.Option("--data", metavar="KATALOG", help="Där reserven sparar; en egen katalog.")],
    profile: Profile = None,
    secrets: Secrets = None,
    host: Host = "127.0.0.1",
    port: Port = 8080,
    public_url: PublicUrl = None,
    call_list: CallList = None,
    trusted_proxy: TrustedProxy = None,
    tls_cert: TlsCert = None,
    tls_key: TlsKey = None,
    token_file: TokenFile = None,
) -> None:
    """Följer en annan beredd och tar över först när du säger till (beredd takeover).

    Fram till dess skickas ingenting härifrån. Det som den andra sparat men inte hunnit lämna vidare går förlorat.
    """
    from streams.commands.run import Front, Given
    from streams.commands.run import run as start

    given = Given(data, profile, secrets, call_list)
    front = Front(host, port, public_url, tuple(trusted_proxy or ()), tls_cert, tls_key)
    _leave(lambda: start(given, front, (source, token_file), follow=True))


@app.command(cls=SwedishCommand, epilog=_examples("beredd takeover --data /var/lib/beredd"))
def takeover(
    data: Annotated[Path, typer.Option("--data", metavar="KATALOG", help="Reservens katalog.")],
) -> None:
    """Låter reserven ta över. Stäng av den andra först, om den går att nå."""
    from streams.commands.takeover import takeover as change

    _leave(lambda: change(data))


@app.command(
    "call-list",
    cls=SwedishCommand,
    epilog=_examples("beredd call-list /var/lib/beredd", "beredd call-list /var/lib/beredd | lp"),
)
def call_list(
    directory: Annotated[Path, typer.Argument(metavar="KATALOG", help="Där beredd sparar, eller --call-list.")],
) -> None:
    """Skriver ut ringlistan: vem som ska ringas när larm inte kommer fram.

    Listan läses ur filen som tjänsten håller färsk, så det går också när tjänsten är nere. Den har personuppgifter.
    """
    from streams.commands.call_list import call_list as show

    _leave(lambda: show(directory))


@app.command(cls=SwedishCommand, epilog=_examples("beredd demo", "beredd demo --keep"))
def demo(
    keep: Annotated[bool, typer.Option("--keep", help="Låt tjänsten vara igång efteråt, tills Ctrl-C.")] = False,
) -> None:
    """Spelar upp en morgon genom tjänsten, med låtsade telefoner."""
    from streams.commands.run import demo as play

    _leave(lambda: play(keep=keep))


@app.command(cls=SwedishCommand, epilog=_examples("beredd check rules/stockholm", "beredd check --json | jq .errors"))
def check(
    directory: Annotated[
        Path | None, typer.Argument(metavar="[KATALOG]", help="Profilen; utelämnas: rules/stockholm om den finns.")
    ] = None,
    lang: Annotated[str, typer.Option("--lang", metavar="SPRÅK", help="sv eller en.")] = "sv",
    at: At = None,
    json: Json = False,
) -> None:
    """Granskar en profil: varje fel, med fil, rad och vad som menades."""
    from streams.commands.check import check as look

    _leave(lambda: look(directory, lang, at, machine=json))


@app.command(cls=SwedishCommand, epilog=_examples("beredd explain", "beredd explain rules/lillby high-water"))
def explain(
    directory: Annotated[
        Path | None, typer.Argument(metavar="[KATALOG]", help="Profilen; utelämnas: rules/stockholm om den finns.")
    ] = None,
    rule: Annotated[str | None, typer.Argument(metavar="[REGEL]", help="En regels id; utelämnas: alla.")] = None,
    json: Json = False,
) -> None:
    """Säger reglerna som svenska meningar, och vilka de skulle larma."""
    from streams.commands.explain import explain as tell

    _leave(lambda: tell(directory, rule, machine=json))


@app.command(cls=SwedishCommand, epilog=_examples("beredd schema rules/stockholm --out rules/stockholm/schema.json"))
def schema(
    directory: Annotated[
        Path | None, typer.Argument(metavar="[KATALOG]", help="Profilen; utelämnas: rules/stockholm om den finns.")
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", metavar="FIL", help="Skriv till filen i stället.")] = None,
) -> None:
    """Skriver ett JSON Schema för profilens filer, så att editorn hjälper till."""
    from streams.commands.schema import schema as write

    _leave(lambda: write(directory, out))


@app.command(
    "test",
    cls=SwedishCommand,
    epilog=_examples("beredd test", "beredd test rules/lillby", "beredd test --story G-08 --junit resultat.xml"),
)
def stories(
    directory: Annotated[
        Path | None, typer.Argument(metavar="[KATALOG]", help="Profilen; utelämnas: rules/stockholm om den finns.")
    ] = None,
    story: Annotated[
        str | None, typer.Option("--story", metavar="NAMN", help="Bara berättelser med detta i namnet.")
    ] = None,
    junit: Annotated[
        Path | None, typer.Option("--junit", metavar="FIL", help="Skriv resultatet som JUnit-XML.")
    ] = None,
    json: Json = False,
) -> None:
    """Spelar profilens berättelser och säger vad som inte blev som berättat."""
    from streams.commands.test import test as play

    _leave(lambda: play(directory, story, junit, machine=json))


@app.command(
    cls=SwedishCommand,
    epilog=_examples(
        "beredd who --incident no-water --asset aldreboende-ringvagen",
        "beredd who --function power --area Järva --at '2026-12-24 18:00'",
        "beredd who --sensor vattenniva-slussen --level 'särskild händelse'",
        "beredd who --event händelse.json --compare midsommarnatt --picture vilka.html",
    ),
)
def who(
    incident: Annotated[str | None, typer.Option("--incident", metavar="SLAG", help="Ett händelselag.")] = None,
    function: Annotated[
        str | None, typer.Option("--function", metavar="FUNKTION", help="En funktion som störs.")
    ] = None,
    sensor: Annotated[
        str | None, typer.Option("--sensor", metavar="GIVARE", help="En givare (eller ett slag) över sin gräns.")
    ] = None,
    event: Annotated[
        Path | None, typer.Option("--event", metavar="FIL", help="Händelser i en fil, CloudEvents som JSON.")
    ] = None,
    area: Annotated[str | None, typer.Option("--area", metavar="OMRÅDE", help="Var; utelämnas: hela staden.")] = None,
    asset: Annotated[str | None, typer.Option("--asset", metavar="ANLÄGGNING", help="Vilken anläggning.")] = None,
    position: Annotated[str | None, typer.Option("--position", metavar="LAT,LON", help="Var på kartan.")] = None,
    level: Annotated[
        str | None, typer.Option("--level", metavar="NIVÅ", help="Visa också vilka nivån lägger till.")
    ] = None,
    at: At = None,
    compare: Annotated[
        str | None, typer.Option("--compare", metavar="TID", help="Vad som skiljer då; midsommarnatt eller en tid.")
    ] = None,
    picture: Annotated[
        Path | None, typer.Option("--picture", metavar="FIL", help="Rita svaret, som .svg eller .html.")
    ] = None,
    danger: Annotated[bool, typer.Option("--danger", help="Det är fara för liv.")] = False,
    profile: Profile = None,
    json: Json = False,
) -> None:
    """Visar vilka som skulle larmas, i vilken ordning och varför, och vilka inte.

    Med princip, skäl och kedja för varje mottagare. Områden, anläggningar och funktioner får anges med sina namn.
    Ingen larmas av att du frågar.
    """
    from streams.commands.console import profile_directory
    from streams.commands.question import Question, Wanted
    from streams.commands.who import position as place
    from streams.commands.who import who as ask

    def command() -> int:
        where = place(position) if position is not None else None
        question = Question(incident, function, sensor, area, asset, where, level, danger, event)
        return ask(profile_directory(profile), question, Wanted(at, compare, picture, json))

    _leave(command)


@app.command(
    cls=SwedishCommand,
    epilog=_examples(
        "beredd feed warning.json --profile rules/stockholm",
        "beredd feed varningar/ --ndjson > händelser.ndjson",
        "beredd feed warning.json --to http://127.0.0.1:8080 --token-file smhi.token",
    ),
)
def feed(
    paths: Annotated[
        list[Path], typer.Argument(metavar="FIL...", help="Filer eller kataloger: CAP eller SMHI:s varningar.")
    ],
    profile: Annotated[
        Path | None, typer.Option("--profile", metavar="KATALOG", help="Visa vilka av profilens områden det gäller.")
    ] = None,
    source: Annotated[
        str | None,
        typer.Option("--source", metavar="NAMN", help="Flödets namn, som i urn:beredd:feed:NAMN; utelämnas: cap."),
    ] = None,
    ndjson: Annotated[bool, typer.Option("--ndjson", help="Skriv händelserna som CloudEvents, en per rad.")] = False,
    to: Annotated[
        str | None, typer.Option("--to", metavar="URL", help="Lämna in dem till den beredd som körs här.")
    ] = None,
    token_file: TokenFile = None,
    json: Json = False,
) -> None:
    """Läser varningar ur filer; visar dem eller lämnar in dem."""
    from streams.commands.client import client
    from streams.commands.feed import Wanted
    from streams.commands.feed import feed as listen

    def command() -> int:
        to_client = client(to, token_file) if to is not None else None
        return listen(paths, profile, Wanted(json, ndjson, to_client, source))

    _leave(command)


@events_app.command(
    cls=SwedishCommand,
    epilog=_examples("beredd events send händelser.ndjson", "beredd feed warning.json --ndjson | beredd events send -"),
)
def send(
    file: Annotated[str, typer.Argument(metavar="FIL", help="CloudEvents som JSON eller NDJSON; - är stdin.")],
    to: To = LOOPBACK,
    token_file: TokenFile = None,
    json: Json = False,
) -> None:
    """Lämnar in händelser och visar kvittot."""
    from streams.commands.client import client
    from streams.commands.events import send as hand_in

    _leave(lambda: hand_in(file, client(to, token_file), machine=json))


@events_app.command(
    cls=SwedishCommand, epilog=_examples("beredd events log --limit 5", "beredd events log --refused --json")
)
def log(
    to: To = LOOPBACK,
    limit: Annotated[int, typer.Option("--limit", metavar="ANTAL", min=1, max=500, help="Hur många.")] = 50,
    refused: Annotated[bool, typer.Option("--refused", help="Visa det som avvisats.")] = False,
    token_file: TokenFile = None,
    json: Json = False,
) -> None:
    """Visar det senaste som tagits emot, eller avvisats."""
    from streams.commands.client import client
    from streams.commands.events import log as show

    _leave(lambda: show(client(to, token_file), limit=limit, refused=refused, machine=json))


@registry_app.callback()
def registry(
    context: typer.Context,
    unconfirmed: Annotated[bool, typer.Option("--unconfirmed", help="Visa det som är obekräftat.")] = False,
    at: At = None,
    profile: Profile = None,
    json: Json = False,
) -> None:
    """Visar, söker, granskar och ritar registret: områden, organisationer, anläggningar, roller.

    Utan kommando: hur mycket det innehåller, och hur många anmärkningar det finns.
    """
    from streams.commands.registry import after, summary

    if context.invoked_subcommand is None:
        _leave(lambda: summary(profile, at, only_unconfirmed=unconfirmed, machine=json))
    if unconfirmed or at or profile or json:
        # They would be left unheard, and the answer would be about another profile or another day.
        _leave(lambda: after(str(context.invoked_subcommand)))


@registry_app.command(
    cls=SwedishCommand, epilog=_examples("beredd registry show Rinkeby-Kista", "beredd registry show tib --json")
)
def show(
    name: Annotated[str, typer.Argument(metavar="NAMN", help="Ett id eller namn, också ett gammalt.")],
    at: At = None,
    profile: Profile = None,
    json: Json = False,
) -> None:
    """Visar allt om en organisation, anläggning, roll eller person, ett område eller en funktion."""
    from streams.commands.registry import show as tell

    _leave(lambda: tell(name, profile, at, machine=json))


@registry_app.command(cls=SwedishCommand, epilog=_examples("beredd registry search hagersten"))
def search(
    text: Annotated[str, typer.Argument(metavar="TEXT", help="Ord ur id, namn eller gammalt namn.")],
    profile: Profile = None,
    json: Json = False,
) -> None:
    """Söker i id, namn och gamla namn; stora bokstäver och prickar spelar ingen roll."""
    from streams.commands.registry import search as seek

    _leave(lambda: seek(text, profile, machine=json))


@registry_app.command(
    "check",
    cls=SwedishCommand,
    epilog=_examples("beredd registry check", "beredd registry check --at 2027-01-01 --all"),
)
def registry_check(
    at: At = None,
    everything: Annotated[bool, typer.Option("--all", help="Räkna upp alla som en anmärkning gäller.")] = False,
    profile: Profile = None,
    json: Json = False,
) -> None:
    """Granskar registret: vad ingen ansvarar för, vilka roller som saknas, glapp vid sammanslagningar."""
    from streams.commands.registry import check as look

    _leave(lambda: look(profile, at, everything=everything, machine=json))


@registry_app.command(cls=SwedishCommand, epilog=_examples("beredd registry draw --out registret.html"))
def draw(
    out: Annotated[Path, typer.Option("--out", metavar="FIL", help="HTML-filen att skriva.")],
    at: At = None,
    profile: Profile = None,
    json: Json = False,
) -> None:
    """Ritar registret som en webbsida, som kan läsas utan nät och skrivas ut."""
    from streams.commands.registry import draw as write

    _leave(lambda: write(out, profile, at, machine=json))


@app.command(cls=SwedishCommand, epilog=_examples("beredd status", "beredd status sodermalm-20261013-1"))
def status(
    matter: Annotated[str | None, typer.Argument(metavar="[ÄRENDE]", help="Ett ärende; utelämnas: alla öppna.")] = None,
    to: To = LOOPBACK,
    realm: Realm = "live",
    closed: Annotated[bool, typer.Option("--closed", help="Visa avslutade också.")] = False,
    token_file: TokenFile = None,
    json: Json = False,
) -> None:
    """Visar läget: öppna ärenden, eller ett ärende i detalj."""
    from streams.commands import status as shown
    from streams.commands.client import client

    if matter is None:
        _leave(lambda: shown.overview(client(to, token_file), realm=realm, closed=closed, machine=json))
    _leave(lambda: shown.matter(client(to, token_file), matter, realm=realm, machine=json))


@app.command(cls=SwedishCommand, epilog=_examples("beredd reload", "beredd reload --json | jq .changed"))
def reload(to: To = LOOPBACK, token_file: TokenFile = None, json: Json = False) -> None:
    """Låter den ändrade profilen ta över i en beredd som körs.

    Filerna granskas och berättelserna spelas först; är något fel gäller den gamla profilen vidare.
    """
    from streams.commands.client import client
    from streams.commands.reload import reload as swap

    _leave(lambda: swap(client(to, token_file), machine=json))


@app.command(
    cls=SwedishCommand,
    epilog=_examples(
        "beredd backup kopior/2026-11-24.beredd --token-file min.token",
        "beredd backup kopia.beredd --data /var/lib/beredd",
    ),
)
def backup(
    out: Annotated[Path, typer.Argument(metavar="KOPIA", help="Filen att skriva; den får inte finnas.")],
    to: To = LOOPBACK,
    token_file: TokenFile = None,
    data: Annotated[
        Path | None, typer.Option("--data", metavar="KATALOG", help="Kopiera en beredd som inte körs, härifrån.")
    ] = None,
    json: Json = False,
) -> None:
    """Gör en granskad säkerhetskopia, medan beredd körs.

    Kopian innehåller allt som sagts och nyckeln till länkarna: förvara den lika skyddad som datakatalogen.
    """
    from streams.commands.backup import backup as copy
    from streams.commands.client import client

    _leave(lambda: copy(out, client(to, token_file) if data is None else data, machine=json))


@app.command(cls=SwedishCommand, epilog=_examples("beredd restore kopia.beredd --data /var/lib/beredd"))
def restore(
    copy: Annotated[Path, typer.Argument(metavar="KOPIA", help="Säkerhetskopian.")],
    data: Annotated[Path, typer.Option("--data", metavar="KATALOG", help="Där beredd ska spara; den får inte köras.")],
    replace: Annotated[
        bool, typer.Option("--replace", help="Flytta undan det som redan finns där; inget skrivs över.")
    ] = False,
    json: Json = False,
) -> None:
    """Lägger tillbaka en säkerhetskopia, och säger vad som saknas sedan den gjordes."""
    from streams.commands.backup import restore as put_back

    _leave(lambda: put_back(copy, data, replace=replace, machine=json))


@app.command(
    cls=SwedishCommand,
    epilog=_examples("beredd verify --data /var/lib/beredd", "beredd verify kopia.beredd --head 1812:5d0c1f3a"),
)
def verify(
    copy: Annotated[Path | None, typer.Argument(metavar="[KOPIA]", help="En säkerhetskopia.")] = None,
    data: Annotated[Path | None, typer.Option("--data", metavar="KATALOG", help="Där beredd sparar.")] = None,
    head: Annotated[
        str | None,
        typer.Option("--head", metavar="NR:SUMMA", help="Ett kedjeslut som noterats på annat håll, att jämföra med."),
    ] = None,
    json: Json = False,
) -> None:
    """Granskar loggen: om någon rad har ändrats, tagits bort eller lagts till i efterhand.

    En beredd som körs äger sin fil; granska då en säkerhetskopia (beredd backup).
    """
    from streams.commands.verify import verify as look

    _leave(lambda: look(copy, data, head, machine=json))


@app.command(cls=SwedishCommand, epilog=_examples("beredd ack 7kq2m9xw4a", "beredd ack 7kq2m9xw4a --decline"))
def ack(
    code: Annotated[str, typer.Argument(metavar="KOD", help="Koden i meddelandet, eller hela länken.")],
    decline: Annotated[bool, typer.Option("--decline", help="Svara «Jag kan inte»; nästa i tur larmas.")] = False,
    to: Annotated[
        str | None, typer.Option("--to", metavar="URL", help=f"Adressen; utelämnas: länkens egen, annars {LOOPBACK}.")
    ] = None,
    json: Json = False,
) -> None:
    """Svarar ja på ett larm: «Jag tar det», eller för ett tillfrågat bolag «Vi åtar oss det»."""
    from streams.commands.ack import ack as answer
    from streams.commands.ack import address
    from streams.commands.client import client

    _leave(lambda: answer(code, client(to or address(code) or LOOPBACK, None), decline=decline, machine=json))


@token_app.command(
    cls=SwedishCommand,
    epilog=_examples(
        "beredd token new --source svoa-scada",
        "beredd token new --service reserv --may ship --may backup --may supersede --may look --days 365",
    ),
)
def new(
    source: Annotated[str | None, typer.Option("--source", metavar="KÄLLA", help="En källa i profilen.")] = None,
    person: Annotated[str | None, typer.Option("--person", metavar="PERSON", help="En person i profilen.")] = None,
    service: Annotated[
        str | None, typer.Option("--service", metavar="NAMN", help="En egen maskin; kräver --may.")
    ] = None,
    may: Annotated[
        list[str] | None,
        typer.Option("--may", metavar="RÄTT", help="Vad nyckeln får; kan upprepas. Utelämnas: det vanliga."),
    ] = None,
    days: Annotated[
        int | None,
        typer.Option("--days", metavar="DYGN", min=1, max=3650, help="Hur länge den gäller; utelämnas: utan slut."),
    ] = None,
    json: Json = False,
) -> None:
    """Gör en ny nyckel. Den visas en enda gång; raden till hemlighetsfilen innehåller bara dess avtryck.

    Byt nyckel utan avbrott: lägg till den nya raden, beredd reload, byt hos avsändaren, ta bort den gamla raden,
    beredd reload.
    """
    from streams.commands.token import Wanted
    from streams.commands.token import new as make

    _leave(lambda: make(Wanted(source, person, service, tuple(may or ()), days), machine=json))


@app.command(
    cls=SwedishCommand,
    epilog=_examples(
        "beredd topics plan --kafka 127.0.0.1:9092 --replication 1 --min-insync 1",
        "beredd topics apply --kafka kafka1:9092",
    ),
)
def topics(
    wish: Annotated[str, typer.Argument(metavar="plan|apply|check", help="Visa, gör, eller kontrollera skillnaden.")],
    kafka: Annotated[str, typer.Option("--kafka", metavar="VÄRD:PORT", help="En av klustrets mäklare.")],
    partitions: Annotated[
        int, typer.Option("--partitions", metavar="ANTAL", min=1, max=1000, help="För varje ämne med nycklar.")
    ] = 12,
    replication: Annotated[
        int, typer.Option("--replication", metavar="ANTAL", min=1, max=7, help="Kopior av varje ämne.")
    ] = 3,
    min_insync: Annotated[
        int, typer.Option("--min-insync", metavar="ANTAL", min=1, max=7, help="Kopior som ska ha sparat före svar.")
    ] = 2,
    prefix: Annotated[str, typer.Option("--prefix", metavar="TEXT", help="Står före varje ämnes namn.")] = "",
    json: Json = False,
) -> None:
    """Visar och gör skillnaden mellan de ämnen Kafka har och de som ska finnas. Ingenting tas bort."""
    from streams.commands.topics import topics as arrange

    _leave(lambda: arrange(wish, kafka, partitions, replication, min_insync, prefix, machine=json))


def main() -> None:
    """The entry point `beredd`."""
    for stream in (sys.stdout, sys.stderr):
        # A terminal in another encoding than UTF-8 shows what it can, and never a traceback.
        getattr(stream, "reconfigure", lambda **_: None)(errors="replace")
    app()


if __name__ == "__main__":  # `python -m streams.cli` would otherwise say nothing and look fine
    main()
