"""The versions that whoever helps will ask for."""

from __future__ import annotations

import platform
from importlib.metadata import version

from streams.commands.console import data


def show() -> int:
    """Prints the versions of beredd, Python, SQLite and Apprise, one a line."""
    import apsw

    data(f"beredd {version('beredd')}")
    data(f"Python {platform.python_version()}")
    data(f"SQLite {apsw.sqlite_lib_version()} (apsw {apsw.apsw_version()})")
    data(f"Apprise {version('apprise')}")
    return 0
