"""No password or token stands in [tracking] uri, and none of them is shown when it is refused."""

import pytest

from search.config.config import Config
from search.config.tracking_uri import check_uri, masked, resolved
from search.errors import UserError


@pytest.mark.parametrize(
    "uri",
    [
        "http://127.0.0.1:5000",
        "https://mlflow.example/path?workspace=a",
        "sqlite:///runs/all.db",
        "sqlite:////home/me@work/all.db",
        "sqlite+pysqlite:////runs/50%25/all.db",
        "postgresql+psycopg2://db.example/mlflow?sslmode=require",
        "databricks",
        "databricks://profile",
        "MLFLOW_TRACKING_URI",
    ],
)
def test_addresses_without_secrets_are_taken(uri):
    assert check_uri(uri) == uri


@pytest.mark.parametrize(
    "uri",
    [
        "https://me:hunter2@mlflow.example",
        "https://hunter2@mlflow.example/path",
        "postgresql://me:hunter2@db.example/mlflow",
        "postgresql://me:hunter2/and@more@db.example/mlflow",
        "mysql+pymysql://me:hunter2@db.example/mlflow",
        "mssql+pyodbc://me:hunter2 x@db.example/mlflow",
        "postgresql://db.example/mlflow?user=me&password=hunter2",
        "https://mlflow.example?access_token=hunter2",
        "https://mlflow.example#token=hunter2",
        "mssql+pyodbc:///?odbc_connect=DRIVER%3Dx%3BUID%3Dme%3BPWD%3Dhunter2",
        "ftp://me:hunter2@host/",
    ],
)
def test_an_address_with_a_secret_is_refused_and_the_secret_not_shown(uri, tmp_path):
    file = tmp_path / "mine.toml"
    file.write_text(f'name = "x"\n[data]\nname = "digits"\ngroup = "d"\n[tracking]\nuri = "{uri}"')

    for source, overrides in ((file, []), ("quick", [f'tracking.uri="{uri}"'])):
        with pytest.raises(UserError, match="must not hold a user name, password or token") as no:
            Config.load(source, overrides)
        for secret in ("hunter2", "and@more", "me:"):
            assert secret not in str(no.value)


@pytest.mark.parametrize("key", ["tracking", "tracking.url", "tracking.enabled", "tracking.uri.x"])
def test_a_secret_under_a_wrong_key_is_not_shown_either(key):
    with pytest.raises(UserError) as refused:
        Config.load("quick", [f'{key}="postgresql://me:hunter2@db.example/mlflow"'])
    assert "hunter2" not in str(refused.value)


def test_secrets_in_a_message_are_masked_and_all_else_stays():
    said = "no answer from postgresql://me:pw@db/x and http://h?token=pw see sqlite:///a@b.db?x=1"

    assert masked(said) == (
        "no answer from postgresql://***@db/x and http://h?*** see sqlite:///a@b.db?x=1"
    )


def test_the_address_may_stand_in_a_variable(monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "postgresql://me:hunter2@db.example/mlflow")
    config = Config.load("quick", ["tracking.uri=MLFLOW_TRACKING_URI"])

    assert resolved(config.tracking.uri) == "postgresql://me:hunter2@db.example/mlflow"
    assert "hunter2" not in config.to_toml()
    assert resolved(None) is None
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    with pytest.raises(UserError, match="MLFLOW_TRACKING_URI must hold an address, is not set"):
        resolved(config.tracking.uri)
