"""[tracking] uri: which stores are taken, and that no secret stands in an address.

config.toml keeps the address, messages show it, and every process list shows what commands are
given. So passwords and tokens travel through MLflow's own environment variables alone.
"""

from __future__ import annotations

import os
import re
from urllib.parse import unquote

from search.errors import UserError

VARIABLE = "MLFLOW_TRACKING_URI"  # as a value of [tracking] uri: the address stands in there

_STORE = re.compile(r"(https?|databricks|sqlite(\+pysqlite)?|(postgresql|mysql|mssql)(\+\w+)?)://")
_USER = re.compile(r"(\w://)(?=[^/\s])[^\s'\"<>]*@")  # up to the last @: passwords may hold one
_SECRET = re.compile(r"(pass|pwd|secret|token|credential|signature|(api|access)_?key)\w*=", re.I)
_MORE = re.compile(r"[?#][^\s'\"<>]*")


def check_uri(uri: str) -> str:
    """`uri` unchanged if MLflow takes it and no user, password or token stands in it.

    A name alone may stand for what is written elsewhere: databricks, or VARIABLE. MLflow no
    longer writes to plain folders.
    """
    if uri in ("databricks", VARIABLE):
        return uri
    shown = masked(re.sub(r"\s", "%20", uri))
    if "***" in shown:
        raise ValueError(
            f"must not hold a user name, password or token, got {shown}: set "
            f"MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD or MLFLOW_TRACKING_TOKEN for "
            f"a server; for a database write {VARIABLE} here and its address into that variable"
        )
    if not _STORE.match(uri):
        raise ValueError(
            f"must begin with http://, https://, sqlite:/// or another database's, got {shown}"
        )
    return uri


def masked(text: str) -> str:
    """A text in which users and passwords of addresses, and queries that hold secrets, are ***."""
    text = _USER.sub(r"\1***@", text)
    return _MORE.sub(lambda more: _without_secret(more[0]), text)


def _without_secret(more: str) -> str:
    return f"{more[0]}***" if _SECRET.search(unquote(more)) else more


def resolved(uri: str | None) -> str | None:
    """The address of a checked `uri`, secrets and all. Never to be written or shown.

    Raises UserError where it is to stand in a variable that is not set.
    """
    if uri != VARIABLE:
        return uri
    given = os.environ.get(VARIABLE)
    if not given:
        raise UserError(f"tracking.uri: the variable {VARIABLE} must hold an address, is not set")
    return given
