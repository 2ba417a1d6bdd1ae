"""Where MLflow keeps things: addresses of databases in files, built so that any path will do."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import quote, unquote

DATABASE = "mlflow.db"  # both in the folder of a run that has its own store
ARTIFACTS = "mlartifacts"
LOOPBACK = ("127.0.0.1", "localhost", "::1")


def default_uri(folder: Path) -> str:
    """A store in the run folder that needs no server."""
    return sqlite_uri(folder.resolve() / DATABASE)


def sqlite_uri(database: Path) -> str:
    """The address of a database in a file, whatever its path holds.

    What an address would read otherwise is quoted. MLflow makes the folder of what follows
    `sqlite:///` without undoing that, so such an address names the driver too.
    """
    if not set(str(database)) & set("?%#"):
        return f"sqlite:///{database}"
    return f"sqlite+pysqlite:///{quote(str(database))}"


def database_of(uri: str) -> Path | None:
    """The file of such an address; None for other stores."""
    for scheme in ("sqlite:///", "sqlite+pysqlite:///"):
        if uri.startswith(scheme):
            return Path(unquote(uri.removeprefix(scheme).partition("?")[0])).resolve()
    return None


def without_proxy_for_loopback() -> dict[str, str]:
    """Variables for a process that asks servers on this machine directly, whatever proxy others
    are asked through."""
    given = os.environ.get("no_proxy") or os.environ.get("NO_PROXY") or ""
    names = ",".join([*filter(None, [given]), *LOOPBACK])
    return {"no_proxy": names, "NO_PROXY": names}
