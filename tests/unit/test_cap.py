"""CAP from many senders: what each file gives, what is refused, and that nothing a sender does stops the door."""

from __future__ import annotations

import csv
import itertools
import math
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules.events import Event, Severity, Shape, Warning, Warnings
from streams.feeds import read
from streams.refusal import Reason, Refusal
from streams.wire import MAX_EVENTS, Media, decode, encode

FILES = Path(__file__).parents[1] / "data" / "feeds" / "cap"
NOW = datetime(2026, 1, 31, 7, 0, tzinfo=UTC)
SENT = datetime(2026, 1, 31, 7, 0, tzinfo=UTC)
CAP_1_0, CAP_1_1, CAP_1_2 = (
    "http://www.incident.com/cap/1.0",
    "urn:oasis:names:tc:emergency:cap:1.1",
    "urn:oasis:names:tc:emergency:cap:1.2",
)


def xml(**fields: str) -> str:
    return "".join(f"<{name}>{text}</{name}>" for name, text in fields.items())


def info(area: str = "", extra: str = "", **fields: str) -> str:
    base = {"event": "Kraftig snö", "severity": "Severe", "headline": "Snö", "description": "Det snöar."}
    return f"<info>{xml(**{**base, **fields})}{extra}<area><areaDesc>Här</areaDesc>{area}</area></info>"


def an_alert(*infos: str, namespace: str = CAP_1_2, without: str = "", **fields: str) -> bytes:
    base = {
        "identifier": "a-1",
        "sender": "smhi@example.se",
        "sent": "2026-01-31T08:00:00+01:00",
        "status": "Actual",
        "msgType": "Alert",
        "scope": "Public",
    }
    head = xml(**{k: v for k, v in {**base, **fields}.items() if k != without})
    return f'<alert xmlns="{namespace}">{head}{"".join(infos)}</alert>'.encode()


def event_of(body: bytes) -> Event:
    event = read("cap", body, NOW)[0]
    assert isinstance(event, Event), event
    return event


def warnings(body: bytes) -> tuple[Warning, ...]:
    payload = event_of(body).payload
    assert isinstance(payload, Warnings)
    return payload.warnings


def warning(body: bytes) -> Warning:
    (only,) = warnings(body)
    return only


def refusal(body: bytes) -> Refusal:
    (only,) = read("cap", body, NOW)
    assert isinstance(only, Refusal), only
    return only


def told(body: bytes) -> list[tuple[Reason, bool]]:
    return [(r.reason, r.partial) for r in read("cap", body, NOW) if isinstance(r, Refusal)]


# --- the recorded files ---

RECORDED: dict[str, tuple[int, tuple[Reason, ...]]] = {
    # UK: a test message; an Actual one whose polygon ends in "..."
    "DEFRA+cap-xml__getMessage-valid.xml": (1, ()),
    "DEFRA+cap-xml__nws-alert.xml": (1, (Reason.GEOMETRY,)),
    # Atom feeds
    "GrantGMiller+NWS-CAP-parser__cap.2020-05-07T14_12_00.xml": (4, ()),
    "IBM+cap__nws_atom_feed_example.xml": (163, ()),
    "themysteq+meteoalarm-py__meteoalarm-legacy-atom-poland.xml": (2, ()),
    "thtroyer+noaa-cap-alerts__noaaExampleSmall.xml": (1, ()),
    # single alerts; in canada_errors an Update refers to nothing, which loses nothing
    "google+cap-library__canada.cap": (1, ()),
    "google+cap-library__canada_errors.cap": (1, ()),
    "google+cap-library__earthquake-iso8859-1.cap": (1, ()),
    "google+cap-library__earthquake_signed.cap": (1, ()),
    "google+cap-library__no_optional_fields.cap": (1, ()),
    "google+cap-library__weather.cap": (1, ()),
    "morrissimo+NWS-CAP-parser__cap.GA124CA04A0C28.SpecialWeatherStatement.xml": (1, ()),
    "willglynn+oasiscap__google-PAAQ-4-mg5a94.xml": (1, ()),
    "willglynn+oasiscap__ipaws-5e6dd964023f1930ef638846.xml": (1, ()),
    "willglynn+oasiscap__nws-5c2cf27b1f56885d61654dc47fa411d5.xml": (1, ()),
    "willglynn+oasiscap__v1dot2_appendix_adot1.xml": (1, ()),
    # no scope
    "google+cap-library__invalid.cap": (0, (Reason.INCOMPLETE,)),
}
"""File -> how many events, and the reason of each refusal."""


def test_every_recorded_file_is_in_the_table() -> None:
    assert {path.name for path in FILES.iterdir()} == set(RECORDED)


def test_every_copied_file_has_its_licence_and_origin_beside_it() -> None:
    with (FILES.parent / "MANIFEST.tsv").open(encoding="utf-8") as manifest:
        rows = {(row["folder"], row["file"]): row for row in csv.DictReader(manifest, delimiter="\t")}
    copied = {(path.parent.name, path.name) for path in FILES.parent.glob("*/*")}
    assert copied <= set(rows)
    assert all(rows[each]["licence"] and rows[each]["repository"] for each in copied)


@pytest.mark.parametrize(("name", "expected"), RECORDED.items())
def test_a_recorded_file_gives_exactly_this(name: str, expected: tuple[int, tuple[Reason, ...]]) -> None:
    results = read("cap", (FILES / name).read_bytes(), NOW)
    events = [r for r in results if isinstance(r, Event)]
    assert (len(events), tuple(r.reason for r in results if isinstance(r, Refusal))) == expected


@pytest.mark.parametrize("name", RECORDED)
def test_every_event_of_a_recorded_file_can_be_written_on_the_wire(name: str) -> None:
    for event in read("cap", (FILES / name).read_bytes(), NOW):
        if isinstance(event, Event):
            assert decode(encode(event), Media.STRUCTURED, NOW) == (event,)


@pytest.mark.parametrize("name", RECORDED)
def test_the_same_file_twice_gives_the_same_ids_and_each_its_own(name: str) -> None:
    first, again = (
        [r.id for r in read("cap", (FILES / name).read_bytes(), at) if isinstance(r, Event)]
        for at in (NOW, NOW.replace(hour=9))
    )
    assert first == again
    assert len(set(first)) == len(first)


def recorded(start: str) -> Warning:
    (path,) = FILES.glob(f"{start}*")
    return warning(path.read_bytes())


def test_the_canadian_update_is_read_in_english_with_both_its_polygons() -> None:
    seen = recorded("google+cap-library__canada.cap")
    assert (seen.identifier, seen.kind, seen.severity) == (
        "2.49.0.1.124.6bddbc91.2012",
        "thunderstorm",
        Severity.MESSAGE,
    )
    assert seen.replaces == ("2.49.0.1.124.a3f342a4.2012", "2.49.0.1.124.60f31a3a.2012")
    assert [len(shape.points) for shape in seen.shapes] == [17, 38]
    assert seen.shapes[0].points[0] == (-82.9314, 42.3481)
    assert "layer:EC-MSC-SMC:1.0:CLC:041420" in seen.areas


def test_latin_1_is_read_as_its_declaration_says() -> None:
    assert "Usulután" in recorded("google+cap-library__earthquake-iso8859-1.cap").title


def test_an_empty_event_code_is_none_and_the_event_is_slugged() -> None:
    assert recorded("morrissimo").kind == "special-weather-statement"


def test_a_test_message_goes_to_the_external_exercise() -> None:
    assert event_of((FILES / "DEFRA+cap-xml__getMessage-valid.xml").read_bytes()).realm == "exercise/external"


def test_an_update_that_refers_to_itself_replaces_nothing() -> None:
    assert recorded("DEFRA+cap-xml__getMessage-valid.xml").replaces == ()


def test_codes_that_share_one_value_in_a_feed_are_told_apart() -> None:
    seen = recorded("thtroyer")
    assert seen.areas[:4] == ("FIPS6:002090", "FIPS6:002240", "FIPS6:002290", "UGC:AKZ221")
    assert "VTEC" not in " ".join(seen.areas)


# --- a message ---


def test_an_alert_becomes_one_warning_and_is_no_complete_list() -> None:
    event = event_of(an_alert(info(effective="2026-01-31T09:00:00+01:00", expires="2026-02-01T00:00:00-00:00")))
    assert event.source == "urn:beredd:feed:cap"
    assert (event.time, event.realm) == (SENT, "live")
    assert event.payload == Warnings(
        feed="cap",
        warnings=(
            Warning(
                identifier="a-1",
                kind="kraftig-snö",
                severity=Severity.ORANGE,
                title="Snö",
                text="Det snöar.",
                sender="smhi@example.se",
                starts=datetime(2026, 1, 31, 8, tzinfo=UTC),
                ends=datetime(2026, 2, 1, tzinfo=UTC),
            ),
        ),
    )


def test_the_feed_is_named_as_the_caller_names_it() -> None:
    (event,) = read("Meteo Alarm", an_alert(info()), NOW)
    assert isinstance(event, Event)
    assert event.source == "urn:beredd:feed:meteo-alarm"


STATUSES: tuple[tuple[str, str], ...] = (
    # only Actual may touch what is live
    ("Actual", "live"),
    ("actual", "live"),
    ("Exercise", "exercise/external"),
    ("TEST", "exercise/external"),
)


@pytest.mark.parametrize(("status", "realm"), STATUSES)
def test_the_status_decides_the_realm(status: str, realm: str) -> None:
    assert event_of(an_alert(info(), status=status)).realm == realm


UNWANTED: tuple[tuple[dict[str, str], Reason, str], ...] = (
    # messages that warn nobody
    ({"status": "System"}, Reason.STATUS, "System"),
    ({"status": "Draft"}, Reason.STATUS, "Draft"),
    ({"status": "Låtsas"}, Reason.STATUS, 'fick "Låtsas"'),
    ({"msgType": "Ack"}, Reason.STATUS, 'fick "Ack"'),
    ({"msgType": "Error"}, Reason.STATUS, 'fick "Error"'),
    # messages that lack what CAP requires
    ({"without": "scope"}, Reason.INCOMPLETE, "<scope> saknas"),
    ({"without": "identifier"}, Reason.INCOMPLETE, "<identifier> saknas"),
    ({"sender": " "}, Reason.INCOMPLETE, "<sender> saknas"),
    ({"msgType": "Cancel"}, Reason.INCOMPLETE, "<references> saknas"),
    # a time that could be two
    ({"sent": "2026-01-31T08:00:00"}, Reason.TIME, "sent: väntade en tid med förskjutning"),
    ({"sent": "i går"}, Reason.TIME, "förskjutning"),
    ({"sent": "0001-01-01T00:00:00+02:00"}, Reason.TIME, "förskjutning"),
)


@pytest.mark.parametrize(("fields", "reason", "words"), UNWANTED)
def test_a_message_that_cannot_warn_is_refused_with_the_reason(
    fields: dict[str, str], reason: Reason, words: str
) -> None:
    seen = refusal(an_alert(info(), **fields))
    assert (seen.reason, seen.partial) == (reason, False)
    assert words in seen.message
    assert seen.excerpt.startswith("<alert")


def test_cap_1_0_and_1_1_are_read_and_only_1_0_does_without_scope() -> None:
    assert warning(an_alert(info(), namespace=CAP_1_0, without="scope")).kind == "kraftig-snö"
    assert warning(an_alert(info(), namespace=CAP_1_1)).kind == "kraftig-snö"
    assert refusal(an_alert(info(), namespace=CAP_1_1, without="scope")).reason is Reason.INCOMPLETE


def test_the_codes_of_cap_1_0_are_written_with_an_equals_sign() -> None:
    extra = "<eventCode>SAME=CEM</eventCode>"
    seen = warning(an_alert(info("<geocode>fips6=006109</geocode>", extra), namespace=CAP_1_0))
    assert (seen.kind, seen.areas) == ("CEM", ("fips6:006109",))


def test_a_prefix_or_no_namespace_makes_no_difference() -> None:
    plain = an_alert(info())
    prefixed = (
        plain.replace(b"</", b"<|").replace(b"<", b"<c:").replace(b"<c:|", b"</c:").replace(b"xmlns=", b"xmlns:c=")
    )
    bare = plain.replace(f' xmlns="{CAP_1_2}"'.encode(), b"")
    assert warning(prefixed) == warning(bare) == warning(plain)


def test_alerts_inside_another_document_are_found() -> None:
    body = b"<alerts>" + an_alert(info()) + an_alert(info(), identifier="a-2") + b"</alerts>"
    assert [w.identifier for r in read("cap", body, NOW) if isinstance(r, Event) for w in r.payload.warnings] == [  # type: ignore[union-attr]
        "a-1",
        "a-2",
    ]


# --- cancel and update ---

TRIPLES = (
    "s@x.se,a-0,2026-01-30T08:00:00+01:00\n s@x.se,a 00,2026-01-29T08:00:00-00:00"
    " bare-1 s@x.se,a-1,2026-01-31T08:00:00+01:00"
)


def test_a_cancel_ends_the_warnings_it_refers_to_and_no_other() -> None:
    seen = warnings(an_alert(info(), msgType="Cancel", references=TRIPLES, identifier="c-1"))
    assert [(w.identifier, w.ended) for w in seen] == [(name, True) for name in ("a-0", "a_00", "a-1", "bare-1")]


def test_a_cancel_needs_no_info() -> None:
    (seen,) = warnings(an_alert(msgType="Cancel", references="s@x.se,a-0,2026-01-30T08:00:00+01:00"))
    assert (seen.identifier, seen.ended, seen.kind, seen.severity) == ("a-0", True, "UNKNOWN", Severity.UNKNOWN)


def test_an_update_replaces_what_it_refers_to_but_not_itself() -> None:
    seen = warning(an_alert(info(), msgType="Update", references=TRIPLES))
    assert (seen.replaces, seen.ended) == (("a-0", "a_00", "bare-1"), False)


def test_a_reference_meets_the_identifier_it_names_whatever_white_space_it_has() -> None:
    (ended,) = warnings(an_alert(msgType="Cancel", references="s,a b,2026-01-30T08:00:00+01:00"))
    assert ended.identifier == warning(an_alert(info(), identifier=" a\n b ")).identifier


# --- info ---


def test_swedish_is_preferred_then_english_then_the_first() -> None:
    sv, en, fi = (info(language=f"{each}", headline=each) for each in ("sv-SE", "en-GB", "fi-FI"))
    assert warning(an_alert(fi, en, sv)).title == "sv-SE"
    assert warning(an_alert(fi, en)).title == "en-GB"
    assert warning(an_alert(fi, info(language="de", headline="de"))).title == "fi-FI"


def test_no_language_means_english() -> None:
    assert warning(an_alert(info(language="fi", headline="fi"), info(headline="none"))).title == "none"


def test_several_infos_in_one_language_speak_with_the_voice_of_the_worst_and_the_places_of_all() -> None:
    mild = info("<circle>59,18 1</circle>", headline="mild", severity="Minor", expires="2026-02-03T00:00:00Z")
    bad = info("<circle>59,18 2</circle>", headline="bad", severity="Extreme", expires="2026-02-02T00:00:00Z")
    seen = warning(an_alert(mild, bad))
    assert (seen.title, seen.severity, len(seen.shapes)) == ("bad", Severity.RED, 2)
    assert seen.ends == datetime(2026, 2, 3, tzinfo=UTC)


SEVERITIES: tuple[tuple[str, Severity], ...] = (
    ("Minor", Severity.MESSAGE),
    ("moderate", Severity.YELLOW),
    ("SEVERE", Severity.ORANGE),
    ("Extreme", Severity.RED),
    ("Unknown", Severity.UNKNOWN),
    ("Catastrophic", Severity.UNKNOWN),
)


@pytest.mark.parametrize(("word", "expected"), SEVERITIES)
def test_the_severities_of_cap_map_in_order_and_an_unknown_one_is_kept(word: str, expected: Severity) -> None:
    assert warning(an_alert(info(severity=word))).severity is expected


def test_the_kind_is_the_event_code_where_there_is_one() -> None:
    code = "<eventCode><valueName>SAME</valueName><value>BZ W</value></eventCode>"
    assert warning(an_alert(info(extra=code))).kind == "BZ_W"


def test_a_long_text_is_cut_with_an_ellipsis() -> None:
    text = warning(an_alert(info(description="å" * 3000, instruction="ä" * 3000))).text
    assert (len(text), text[-1]) == (4000, "…")


def test_embedded_media_and_signatures_are_passed_over() -> None:
    media = f"<resource><derefUri>{'QUJD' * 100_000}</derefUri></resource>"
    signed = '<Signature xmlns="http://www.w3.org/2000/09/xmldsig#"><identifier>evil</identifier></Signature>'
    assert warning(an_alert(info(extra=media), signed)).identifier == "a-1"


def test_an_unreadable_end_is_told_and_the_warning_stays() -> None:
    body = an_alert(info(expires="2026-02-01T00:00:00"))
    assert told(body) == [(Reason.TIME, True)]
    assert warning(body).ends is None


# --- places ---


def test_a_polygon_is_turned_from_lat_lon_to_lon_lat() -> None:
    (shape,) = warning(an_alert(info("<polygon>59.3,18.0 59.3,18.1\n59.4,18.1 59.3,18.0</polygon>"))).shapes
    assert shape == Shape(points=((18.0, 59.3), (18.1, 59.3), (18.1, 59.4), (18.0, 59.3)))


def test_a_circle_is_a_polygon_of_32_points_that_leaves_no_place_out() -> None:
    (shape,) = warning(an_alert(info("<circle>59.3,18.0 10</circle>"))).shapes
    assert len(shape.points) == 32
    for one, next_one in itertools.pairwise((*shape.points, shape.points[0])):
        middle = ((one[0] + next_one[0]) / 2, (one[1] + next_one[1]) / 2)
        assert 9.99 < kilometres((18.0, 59.3), middle) < kilometres((18.0, 59.3), one) < 10.1


def kilometres(a: tuple[float, float], b: tuple[float, float]) -> float:
    x = math.radians(b[0] - a[0]) * math.cos(math.radians(a[1]))
    return 6371.0 * math.hypot(x, math.radians(b[1] - a[1]))


def test_a_circle_of_no_radius_is_still_a_place() -> None:
    (shape,) = warning(an_alert(info("<circle>59.3,18.0 0.0</circle>"))).shapes
    assert kilometres((18.0, 59.3), shape.points[0]) == pytest.approx(0.1, rel=0.02)


def test_a_circle_at_the_pole_stays_on_the_earth() -> None:
    (shape,) = warning(an_alert(info("<circle>90,180 500</circle>"))).shapes
    assert all(abs(lon) <= 180 and abs(lat) <= 90 for lon, lat in shape.points)


BROKEN: tuple[str, ...] = (
    "<polygon>59.3,18.0 59.3,18.1...</polygon>",
    "<polygon>59.3,18.0 59.3,18.1 59.3,18.0</polygon>",
    "<polygon>59.3 18.0 59.3 18.1</polygon>",
    "<polygon>590,18 59,18 58,18</polygon>",
    "<polygon>nan,18 59,18 58,18</polygon>",
    "<circle>59.3,18.0</circle>",
    "<circle>59.3,18.0 -1</circle>",
    "<circle>59.3,18.0 1e9</circle>",
    "<circle>59.3,18.0 långt</circle>",
)


@pytest.mark.parametrize("area", BROKEN)
def test_a_shape_that_cannot_be_drawn_is_told_and_the_warning_is_kept(area: str) -> None:
    body = an_alert(info(area + "<circle>59,18 1</circle>"))
    assert told(body) == [(Reason.GEOMETRY, True)]
    assert len(warning(body).shapes) == 1


def test_a_thousand_broken_shapes_are_told_as_a_few() -> None:
    assert len(told(an_alert(info("<circle>x</circle>" * 1000)))) == 20


def test_an_empty_polygon_says_nothing() -> None:
    assert told(an_alert(info("<polygon></polygon><polygon/>"))) == []


# --- Atom ---

ATOM = '<feed xmlns="http://www.w3.org/2005/Atom" xmlns:cap="{0}">{1}</feed>'


def a_feed(*entries: str) -> bytes:
    return ATOM.format(CAP_1_2, "".join(f"<entry>{entry}</entry>" for entry in entries)).encode()


def test_an_empty_feed_is_nothing() -> None:
    assert read("cap", a_feed(), NOW) == ()


def test_an_entry_that_says_little_is_live_new_and_of_the_time_it_was_received() -> None:
    event = event_of(a_feed("<id>x</id><title>Storm</title><cap:event>Wind</cap:event>"))
    assert (event.realm, event.time) == ("live", NOW)
    assert warning(a_feed("<id>x</id><title>Storm</title><cap:event>Wind</cap:event>")).title == "Storm"


def test_an_entry_that_is_no_warning_is_refused_and_the_others_stay() -> None:
    body = a_feed("<title>Inga varningar</title>", "<id>x</id><cap:event>Wind</cap:event>")
    first, second = read("cap", body, NOW)
    assert isinstance(first, Refusal)
    assert isinstance(second, Event)
    assert (first.reason, first.index) == (Reason.FORMAT, 0)


def test_the_status_of_an_entry_decides_its_realm() -> None:
    body = a_feed("<id>x</id><cap:status>Test</cap:status>", "<id>y</id><cap:status>Draft</cap:status>")
    first, second = read("cap", body, NOW)
    assert isinstance(first, Event)
    assert isinstance(second, Refusal)
    assert (first.realm, second.reason, second.index, second.excerpt) == ("exercise/external", Reason.STATUS, 1, "y")


def test_a_whole_alert_inside_an_entry_stands_for_the_entry() -> None:
    body = a_feed(f"<id>x</id><content>{an_alert(info()).decode()}</content>")
    assert warning(body).identifier == "a-1"


# --- what is no CAP ---

LAUGHS = b'<!DOCTYPE a [<!ENTITY x "ha"><!ENTITY y "&x;&x;">]>'
BODIES: tuple[tuple[bytes, Reason, str], ...] = (
    # attacks
    (LAUGHS + an_alert(info(headline="&y;")), Reason.DTD, "<!DOCTYPE"),
    (b'<!DOCTYPE alert SYSTEM "file:///etc/passwd">' + an_alert(info()), Reason.DTD, "<!DOCTYPE"),
    (b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>', Reason.DTD, "<!DOCTYPE"),
    (b"<a>" * 100_000, Reason.NOT_XML, "rad 1"),
    (b"<a>" * 100_000 + b"</a>" * 100_000, Reason.FORMAT, "<a>"),
    # another format, or another version than any that is known
    (b"<html><body>502</body></html>", Reason.FORMAT, "<html>"),
    (b'<alert xmlns="urn:example"/>', Reason.FORMAT, '"urn:example"'),
    (b"{}", Reason.FORMAT, "CAP (XML)"),
    # cut off, or in another encoding than it says
    (an_alert(info())[:-3], Reason.NOT_XML, "rad 1"),
    (an_alert(info()).decode().encode("latin-1"), Reason.NOT_XML, "teckenkodning"),
    (b'<?xml version="1.0" encoding="klingon"?><alert/>', Reason.NOT_XML, "teckenkodning"),
    (b'<?xml version="1.0" encoding="utf-7"?><alert/>', Reason.NOT_XML, "teckenkodning"),
    (b'<?xml version="1.0" encoding="big5"?><alert/>', Reason.NOT_XML, "teckenkodning"),
    # bounds
    (b"<alerts>" + b"<alert/>" * (MAX_EVENTS + 1) + b"</alerts>", Reason.TOO_MANY, str(MAX_EVENTS)),
    (b"<" + b" " * 9_000_000, Reason.TOO_LARGE, "byte"),
)


@pytest.mark.parametrize(("body", "reason", "words"), BODIES, ids=range(len(BODIES)))
def test_what_is_no_cap_is_one_refusal(body: bytes, reason: Reason, words: str) -> None:
    seen = refusal(body)
    assert seen.reason is reason
    assert words in seen.message


ENCODINGS: tuple[bytes, ...] = (
    an_alert(info()),
    b"\xef\xbb\xbf" + an_alert(info()),
    b'\n  <?xml version="1.0"?>' + an_alert(info()),
    b'<?xml version="1.0" encoding="iso-8859-1"?>' + an_alert(info()).decode().encode("latin-1"),
    b'<?xml version="1.0" encoding="windows-1252"?>' + an_alert(info()).decode().encode("cp1252"),
    ('<?xml version="1.0" encoding="utf-16"?>' + an_alert(info()).decode()).encode("utf-16"),
)


@pytest.mark.parametrize("body", ENCODINGS, ids=range(len(ENCODINGS)))
def test_an_encoding_that_is_declared_is_read(body: bytes) -> None:
    assert warning(body).title == "Snö"


@pytest.mark.timeout(10)
@pytest.mark.parametrize("word", ["a", "a,", "a,b ", "a,b,2026-01-01T"])
def test_an_endless_list_of_references_does_not_hang(word: str) -> None:
    body = an_alert(info(), msgType="Update", references=word * (1_000_000 // len(word)))
    assert isinstance(read("cap", body, NOW)[0], Event | Refusal)


# --- any bytes ---

PIECES = st.sampled_from(
    ["<alert>", "</alert>", "<info>", "</info>", "<area>", "</area>", "<polygon>1,2</polygon>", "<sent>x</sent>"]
)
FIELD = st.sampled_from(["identifier", "sender", "sent", "status", "msgType", "scope", "references", "note"])
TEXT = st.text(st.characters(codec="utf-8", exclude_characters="<&", exclude_categories=["Cc", "Cs"]), max_size=40)


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_give_results_and_no_exception(body: bytes) -> None:
    assert all(isinstance(r, Event | Refusal) for r in read("cap", b"<" + body, NOW))


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=20), st.binary(max_size=50))
def test_any_bytes_of_a_feed_of_any_name_give_results_and_no_exception(name: str, body: bytes) -> None:
    assert all(isinstance(r, Event | Refusal) for r in read(name, body, NOW))


@settings(max_examples=100, deadline=None)
@given(st.lists(PIECES, max_size=12))
def test_any_order_of_elements_gives_results_and_no_exception(pieces: list[str]) -> None:
    body = f"<alert>{''.join(pieces)}</alert>".encode()
    assert all(isinstance(r, Event | Refusal) for r in read("cap", body, NOW))


@settings(max_examples=100, deadline=None)
@given(st.dictionaries(FIELD, TEXT), st.dictionaries(st.sampled_from(["event", "expires", "language"]), TEXT), TEXT)
def test_any_text_in_any_field_gives_results_and_no_exception(
    head: dict[str, str], fields: dict[str, str], place: str
) -> None:
    body = an_alert(info(f"<polygon>{place}</polygon><circle>{place}</circle>", **fields), **head)
    assert all(isinstance(r, Event | Refusal) for r in read("cap", body, NOW))


SMALL = sorted(name for name in RECORDED if (FILES / name).stat().st_size < 20_000)


@settings(max_examples=8, deadline=None)
@given(st.data())
@pytest.mark.parametrize("name", RECORDED)
def test_a_file_cut_off_anywhere_is_one_refusal(name: str, data: st.DataObject) -> None:
    whole = (FILES / name).read_bytes().rstrip()
    cut = whole[: data.draw(st.integers(0, len(whole) - 1))]
    (seen,) = read("cap", cut, NOW)
    assert isinstance(seen, Refusal)


@settings(max_examples=8, deadline=None)
@given(st.data())
@pytest.mark.parametrize("name", SMALL)
def test_a_file_with_any_byte_changed_gives_results_and_no_exception(name: str, data: st.DataObject) -> None:
    body = bytearray((FILES / name).read_bytes())
    body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    assert all(isinstance(r, Event | Refusal) for r in read("cap", bytes(body), NOW))
