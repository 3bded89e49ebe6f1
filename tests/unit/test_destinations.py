"""Where messages may go: addresses that would reach the metadata of a cloud, or run something here, are refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import SecretStr

from notifiers.apprise_channel import AppriseChannel, load_apprise
from notifiers.attempt import Verdict
from notifiers.destinations import SCHEMES, Destinations
from notifiers.secrets import SecretsError, load_secrets

LINK_LOCAL = (
    "169.254.169.254", "169.254.169.254:80", "2852039166", "0xa9fea9fe", "0xa9.0xfe.0xa9.0xfe", "0251.0376.0251.0376",
    "169.254.43518", "[::ffff:169.254.169.254]", "[::ffff:a9fe:a9fe]", "[64:ff9b::a9fe:a9fe]", "[2002:a9fe:a9fe::]",
    "[fe80::1]", "[fe80::1%25eth0]", "[fd00:ec2::254]", "100.100.100.200", "168.63.129.16", "0.0.0.0", "0", "[::]",
    "224.0.0.1", "[ff02::1]", "255.255.255.255", "metadata.google.internal", "METADATA", "instance-data",
    "metadata.google.internal.", "a:b@169.254.169.254", "example.org@169.254.169.254",
)  # fmt: skip
FINE = (
    "127.0.0.1:8080",
    "10.0.0.5",
    "[::1]:99",
    "192.168.1.2",
    "sms.example.org",
    "user:pw@sms.example.org",
    "169.253.1.1",
)


@pytest.mark.parametrize("scheme", ["json", "form", "ntfy", "mailto"])
@pytest.mark.parametrize("host", LINK_LOCAL)
def test_a_place_that_is_no_recipient_is_refused_however_it_is_written(scheme: str, host: str) -> None:
    assert "nät som inte" in (Destinations().fault(f"{scheme}://{host}/x") or "")


@pytest.mark.parametrize("host", FINE)
def test_a_gateway_of_ones_own_and_the_world_are_fine(host: str) -> None:
    assert Destinations().fault(f"json://{host}/x") is None


def test_the_server_that_a_mail_address_names_beside_it_counts_too() -> None:
    assert Destinations().fault("mailto://u:p@example.org?smtp=169.254.169.254") is not None
    assert Destinations().fault("mailto://u:p@example.org?to=a@b.se&smtp=smtp.example.org") is None


@pytest.mark.parametrize(
    "scheme", ["file", "dbus", "syslog", "windows", "macosx", "gopher", "ftp", "http", "https", "qt"]
)
def test_a_kind_of_address_that_nobody_has_allowed_is_refused_at_the_start(tmp_path: Path, scheme: str) -> None:
    file = tmp_path / "secrets.yaml"
    file.touch(0o600)
    file.write_text(f"channels: {{a: '{scheme}://kanariehemlis/x'}}\n")
    with pytest.raises(SecretsError, match="channels, post 1: sortens adress är inte tillåten") as caught:
        load_secrets(file)
    assert "kanariehemlis" not in str(caught.value)
    file.write_text(f"outbound: {{schemes: [{scheme}]}}\nchannels: {{a: '{scheme}://kanariehemlis/x'}}\n")
    assert list(load_secrets(file).channels) == ["a"]


def test_a_network_may_be_allowed_and_only_that_one(tmp_path: Path) -> None:
    file = tmp_path / "secrets.yaml"
    file.touch(0o600)
    file.write_text("outbound: {networks: [169.254.7.0/24]}\nchannels: {a: 'json://169.254.7.9/x'}\n")
    found = load_secrets(file).destinations
    assert not found.forbidden("169.254.7.9")
    assert found.forbidden("169.254.169.254")


@pytest.mark.parametrize("said", ["[]", "x", "{hosts: []}", "{networks: [x]}", "{schemes: a}", "{networks: [1]}"])
def test_a_section_that_means_nothing_is_refused(tmp_path: Path, said: str) -> None:
    file = tmp_path / "secrets.yaml"
    file.touch(0o600)
    file.write_text(f"outbound: {said}\n")
    with pytest.raises(SecretsError, match="outbound"):
        load_secrets(file)


def test_what_apprise_makes_of_an_address_is_looked_at_again_before_anything_is_sent() -> None:
    """Whatever way there is to have the two of us read an address differently, Apprise's reading decides."""
    refused = AppriseChannel(SecretStr("json://169.254.169.254/latest")).fault()
    assert refused is not None
    assert refused.verdict is Verdict.REJECTED
    assert "169.254" not in refused.why
    assert AppriseChannel(SecretStr("mailto://u:p@example.org?smtp=169.254.169.254&to=a@b.se")).fault() is not None
    assert AppriseChannel(SecretStr("json://127.0.0.1:9/x")).fault() is None


def test_every_kind_that_is_allowed_is_one_that_apprise_has_and_none_acts_on_this_machine() -> None:
    load_apprise()
    from apprise.manager_plugins import NotificationManager

    known = NotificationManager()
    assert set(known.schemas()) >= SCHEMES
    local = {"dbus", "glib", "gio", "gnome", "kde", "qt", "macosx", "windows", "syslog", "blink1", "growl"}
    assert not SCHEMES & local
