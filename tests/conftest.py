"""What holds for every test: the user's own ledger and cache are never touched."""

import pytest


@pytest.fixture(scope="session", autouse=True)
def _own_ledger_and_cache(tmp_path_factory):
    """For the whole session, so that runs which several tests share are covered too."""
    folder = tmp_path_factory.mktemp("user")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FAIRFRONT_LEDGER", str(folder / "ledger.jsonl"))
        patch.setenv("FAIRFRONT_CACHE", str(folder / "cache"))
        yield
