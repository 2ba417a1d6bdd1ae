"""What holds for every test: the user's own ledger and cache are never touched, and how busy the
machine is decides nothing."""

import os

# As in `make test`: the same test run by hand rounds as it does there. Torch reads this when it is
# imported, which no test module has done yet.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import hypothesis
import pytest

# An example that takes long may have waited for another process of the suite.
hypothesis.settings.register_profile(
    "suite", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("suite")


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory):
    """For the whole session, so that runs which several tests share are covered too."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FAIRFRONT_CACHE", str(tmp_path_factory.mktemp("user") / "cache"))
        yield


@pytest.fixture(scope="module", autouse=True)
def _own_ledger(tmp_path_factory):
    """For each file: how often test rows were opened is told and judged, and which files are run
    before it in the same process differs."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FAIRFRONT_LEDGER", str(tmp_path_factory.mktemp("user") / "ledger.jsonl"))
        yield
