"""Every channel that the secrets file names, whichever kind it is."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from notifiers.apprise_channel import apprise_channels
from notifiers.channel import Channel
from notifiers.secrets import Secrets
from notifiers.webhook_channel import Post, webhook_channels


def ways_out(secrets: Secrets | None, post: Post) -> Mapping[str, Channel]:
    """By reference. Webhooks go over these connections."""
    if secrets is None:
        return MappingProxyType({})
    return MappingProxyType({**apprise_channels(secrets), **webhook_channels(secrets.webhooks, post)})
