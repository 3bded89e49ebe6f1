"""The secrets file: what it refuses, whom a token belongs to, and that it never shows what it holds."""

from __future__ import annotations

import hashlib
import logging
import os
import pickle
import traceback
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from notifiers.attempt import Medium
from notifiers.secrets import Secrets, SecretsError, load_secrets
from notifiers.tokens import PersonPrincipal, SourcePrincipal

CANARY = "kanariefågel-hemlis-93"
TOKEN = "hunter2-token"
DIGEST = hashlib.sha256(TOKEN.encode()).hexdigest()
NOW = datetime(2026, 11, 24, tzinfo=UTC)
OTHER = hashlib.sha256(b"another").hexdigest()

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def _write(text: str, mode: int = 0o600) -> Path:
        path = tmp_path / "secrets.yaml"
        path.write_text(text, encoding="utf-8")
        path.chmod(mode)
        return path

    return _write


GOOD = f"""
channels:
  anna_sms: "46elks://user:{CANARY}@beredd/+46701234567"
  anna_mail: mailto://u:{CANARY}@example.org/?to=anna@example.org
tokens:
  "{DIGEST}": {{person: anna}}
  "{OTHER}": {{source: gateway-1}}
"""


def refusal(path: Path, **options: Path) -> str:
    with pytest.raises(SecretsError) as caught:
        load_secrets(path, **options)
    shown = "".join(traceback.format_exception(caught.value)) + repr(caught.value)
    assert CANARY not in shown
    assert caught.value.__context__ is None or CANARY not in repr(caught.value.__context__)
    return str(caught.value)


def test_channels_are_found_by_reference(write: Write) -> None:
    secrets = load_secrets(write(GOOD))

    assert sorted(secrets.channels) == ["anna_mail", "anna_sms"]
    assert secrets.channels["anna_sms"].get_secret_value().endswith("@beredd/+46701234567")


def test_a_token_belongs_to_its_person_or_source_and_to_nobody_else(write: Write) -> None:
    secrets = load_secrets(write(GOOD))

    assert secrets.principal(TOKEN, NOW) == PersonPrincipal("anna")
    assert secrets.principal("another", NOW) == SourcePrincipal("gateway-1")
    assert secrets.principal(DIGEST, NOW) is None
    assert secrets.principal("", NOW) is None
    assert Secrets().principal(TOKEN, NOW) is None


def test_a_token_with_bytes_that_are_no_text_is_refused_and_does_not_raise(write: Write) -> None:
    header = b"\xff\xfe hello".decode("utf-8", "surrogateescape")

    assert load_secrets(write(GOOD)).principal(header, NOW) is None


def test_every_digest_is_compared_in_constant_time(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    import hmac

    secrets = load_secrets(write(GOOD))
    compared: list[bytes] = []
    real = hmac.compare_digest
    monkeypatch.setattr(hmac, "compare_digest", lambda a, b: compared.append(a) or real(a, b))

    secrets.principal(TOKEN, NOW)

    assert sorted(compared) == sorted([DIGEST.encode(), OTHER.encode()])


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o660, 0o620, 0o602, 0o700])
def test_a_file_that_more_than_its_owner_may_touch_is_refused(write: Write, mode: int) -> None:
    assert "chmod 600" in refusal(write(GOOD, mode))


def test_a_file_stricter_than_0600_is_read(write: Write) -> None:
    assert len(load_secrets(write(GOOD, 0o400)).channels) == 2


def test_a_missing_file_a_directory_and_a_pipe_are_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe", 0o600)

    assert "kan inte läsas" in refusal(tmp_path / "nowhere.yaml")
    assert "kan inte läsas" in refusal(tmp_path)
    assert "inte en vanlig fil" in refusal(tmp_path / "pipe")


def test_a_file_among_the_rules_is_refused_even_through_a_link(write: Write, tmp_path: Path) -> None:
    path = write(GOOD)
    link = tmp_path.parent / f"{tmp_path.name}-link.yaml"
    link.symlink_to(path)

    assert "bland reglerna" in refusal(path, outside=tmp_path)
    assert "bland reglerna" in refusal(link, outside=tmp_path)
    assert load_secrets(path, outside=tmp_path / "rules").channels


def test_an_empty_file_holds_no_secrets(write: Write) -> None:
    assert not load_secrets(write("# inget än\n")).channels


WRONG = {
    "an unknown section": (f"{CANARY}: {{}}", "avsnitt nr 1"),
    "a list for a section": (f"channels: [{CANARY}]", "channels:"),
    "a list for a file": (f"- {CANARY}", "avsnitten"),
    "a channel that is no text": (f"channels: {{a: {{x: {CANARY}}}}}", "channels, post 1"),
    "a channel that is no address": (f"channels: {{a: {CANARY}}}", "channels, post 1"),
    "an address with a space": (f'channels: {{a: "json://{CANARY} x"}}', "channels, post 1"),
    "a reference that is a number": ("channels: {7: json://x}", "channels, post 1"),
    "a reference with a space": (f"channels: {{'a {CANARY}': json://x}}", "channels, post 1"),
    "a token in clear text": (f"tokens: {{{CANARY}: {{person: anna}}}}", "tokens, post 1"),
    "a digest in capitals": (f"tokens: {{{'A' * 64}: {{person: anna}}}}", "tokens, post 1"),
    "a token of two": (f"tokens: {{'{DIGEST}': {{person: anna, source: {CANARY}}}}}", "tokens, post 1"),
    "a token of a number": (f"tokens: {{'{DIGEST}': {{person: 7}}}}", "tokens, post 1"),
    "a token of nobody": (f"tokens: {{'{DIGEST}': {CANARY}}}", "tokens, post 1"),
    "the same name twice": (f"channels:\n  a: json://{CANARY}\n  a: json://{CANARY}", "rad 3"),
    "broken YAML": (f"channels:\n  a: json://x\n {CANARY}: [", "rad"),
    "another kind of value": (f"channels: !!python/object:os.system {CANARY}", "YAML"),
    "a control character": (f"channels: {{a: '{CANARY}\x07'}}", "YAML"),
}


@pytest.mark.parametrize(("text", "says"), WRONG.values(), ids=WRONG.keys())
def test_a_fault_is_told_by_its_place_and_never_by_its_text(write: Write, text: str, says: str) -> None:
    assert says in refusal(write(text))


def test_bytes_that_are_not_utf8_and_a_huge_file_are_refused(write: Write) -> None:
    path = write("")
    path.write_bytes(b"channels: {a: \xff\xfe}")
    assert "YAML" in refusal(path)

    path.write_text("#" * 300_000)
    assert "större" in refusal(path)


WATCHED = f"""
channels:
  prov: "46elks://user:{CANARY}@beredd/+46701234567"
canaries:
  prov: {{medium: sms, every: 5 min}}
heartbeat: {{url: "https://hc-ping.com/{CANARY}", every: 30 s, fault_url: "https://hc-ping.com/{CANARY}/fail"}}
phones:
  anna: "+46 70-123 45 67"
"""


def test_the_file_says_how_the_system_watches_itself_and_whom_to_call(write: Write) -> None:
    secrets = load_secrets(write(WATCHED))

    canary, heartbeat = secrets.canaries["prov"], secrets.heartbeat
    assert (canary.channel, canary.medium, canary.every_s) == ("prov", Medium.SMS, 300.0)
    assert heartbeat is not None
    assert heartbeat.every_s == 30.0
    assert heartbeat.fault_url is not None
    assert secrets.phones["anna"].get_secret_value() == "+46 70-123 45 67"
    shown = repr(secrets) + repr(heartbeat) + repr(secrets.phones)
    assert CANARY not in shown
    assert "123 45" not in shown


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("canaries:\n  prov: {medium: sms}", "finns inte bland channels"),
        ('channels:\n  prov: "json://h"\ncanaries:\n  prov: {medium: rök}', "canaries, post 1"),
        ('channels:\n  prov: "json://h"\ncanaries:\n  prov: {medium: sms, every: ofta}', "every ska vara en tid"),
        (f"heartbeat: {{url: 'ftp://{CANARY}'}}", "heartbeat"),
        (f"heartbeat: {{url: 'https://user:{CANARY}@h/'}}", "heartbeat"),
        (f"heartbeat: {{url: 'https://h/', fault_url: '{CANARY}'}}", "fault_url"),
        (f"phones:\n  anna: '{CANARY}'", "telefonnummer"),
        ("phones:\n  anna: 46701234567", "citattecken"),
    ],
)
def test_what_is_wrong_with_it_is_said_without_showing_it(write: Write, text: str, said: str) -> None:
    assert said in refusal(write(text))


def test_secrets_never_show_what_they_hold(write: Write, caplog: pytest.LogCaptureFixture) -> None:
    secrets = load_secrets(write(GOOD))

    with caplog.at_level(logging.DEBUG):
        logging.getLogger("test").warning("%s %r %s", secrets, secrets, dict(secrets.channels))
    shown = f"{secrets} {secrets!r} {secrets.channels} {secrets.channels['anna_sms']!r} {caplog.text}"

    assert CANARY not in shown
    assert "+46701234567" not in shown
    assert DIGEST not in shown
    assert "2 kanaler" in str(secrets)


def test_secrets_are_not_written_down_by_pickle(write: Write) -> None:
    with pytest.raises((TypeError, pickle.PicklingError)):
        pickle.dumps(load_secrets(write(GOOD)))
