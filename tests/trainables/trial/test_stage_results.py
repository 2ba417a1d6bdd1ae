"""Shared results: what is put is got, what is damaged is not, one worker computes at a time."""

import json
import multiprocessing
import os
import signal
import time

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save

from trainables.files import NoLocks
from trainables.models.net_file import digest
from trainables.trial.shared_stage import SharedStage, StageResult, StageStore, key_of

KEY, OTHER = key_of({"stage": "a"}), key_of({"stage": "b"})
REPORTS = ({"losses": {"task": 0.5}, "stage_epochs": 2}, {"losses": {"task": 0.25}})
FORK = multiprocessing.get_context("fork")  # spawned ones would import torch first


def result():
    weights = {"0.weight": torch.arange(6.0).view(2, 3), "1.num_batches_tracked": torch.tensor(7)}
    return StageResult(REPORTS, weights, {"0.weight": torch.eye(2, 3).bool()})


@pytest.fixture
def store(tmp_path):
    return StageStore(tmp_path / "stages")


def test_what_was_put_is_got_back_exactly(store):
    assert store.get(KEY) is None
    store.put(KEY, result())

    found = store.get(KEY)

    assert found.reports == REPORTS
    for part in ("net", "masks"):
        expected, got = getattr(result(), part), getattr(found, part)
        assert expected.keys() == got.keys()
        assert all(torch.equal(expected[name], got[name]) for name in expected)
        assert all(expected[name].dtype == got[name].dtype for name in expected)
    assert store.get(OTHER) is None


def flipped(path):
    data = bytearray(path.read_bytes())
    data[-3] ^= 1  # in the tensors, which come last
    path.write_bytes(data)


def changed_report(path):
    data = path.read_bytes()
    assert b"0.25" in data
    path.write_bytes(data.replace(b"0.25", b"0.75"))


def cut(path):
    path.write_bytes(path.read_bytes()[:-10])


def emptied(path):
    path.write_bytes(b"")


def of_another_stage(path):
    store = StageStore(path.parent)
    store.put(OTHER, result())
    store.path(OTHER).replace(path)


def without_checksum(path):
    with safe_open(path, framework="pt") as file:
        content = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        said = file.metadata()["result"]
    path.write_bytes(save(content, metadata={"result": said}))


@pytest.mark.parametrize(
    "damage", [flipped, changed_report, cut, emptied, of_another_stage, without_checksum]
)
def test_a_damaged_result_is_told_removed_and_counts_as_none(store, damage, caplog):
    store.put(KEY, result())
    damage(store.path(KEY))

    assert store.get(KEY) is None
    assert f"{KEY}.safetensors is damaged" in caplog.text
    assert store.path(KEY).exists()  # who holds no claim removes nothing: it may be whole by now

    assert store.get(KEY, claimed=True) is None
    assert not store.path(KEY).exists()
    store.put(KEY, result())
    assert store.get(KEY) is not None


def test_a_result_that_this_machine_cannot_read_now_stays(store, monkeypatch, caplog):
    store.put(KEY, result())

    def unreadable(*_, **__):
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patched:
        patched.setattr("trainables.trial.shared_stage.safe_open", unreadable)
        assert store.get(KEY, claimed=True) is None

    assert "cannot be read" in caplog.text
    assert store.get(KEY) is not None


def test_results_with_nan_are_refused_and_leave_no_file(store):
    reports = ({"losses": {"task": float("nan")}},)

    with pytest.raises(ValueError, match="JSON"):
        store.put(KEY, StageResult(reports, result().net, result().masks))
    assert store.get(KEY) is None


def test_a_digest_depends_on_names_shapes_kinds_and_values_but_not_on_the_order():
    one = {"a": torch.tensor([1.0, 2.0]), "b": torch.tensor([3])}
    others = [
        {"a": torch.tensor([1.0, 2.5]), "b": torch.tensor([3])},
        {"a": torch.tensor([[1.0, 2.0]]), "b": torch.tensor([3])},
        {"a": torch.tensor([1.0, 2.0]).double(), "b": torch.tensor([3])},
        {"c": torch.tensor([1.0, 2.0]), "b": torch.tensor([3])},
    ]

    assert digest(dict(reversed(one.items()))) == digest(one)
    assert len({digest(one), *map(digest, others)}) == 5


def test_one_claim_at_a_time_and_another_key_is_another_claim(store):
    claim = store.claim(KEY)

    assert store.claim(KEY) is None
    store.claim(OTHER).release()
    claim.release()
    claim.release()  # twice is once
    store.claim(KEY).release()


def test_without_locks_everybody_may_compute_and_is_told_so(store, monkeypatch, caplog):
    def no_locks(file, **options):
        raise NoLocks(38, "Function not implemented")

    monkeypatch.setattr("trainables.trial.shared_stage.take_lock", no_locks)

    for claim in (store.claim(KEY), store.claim(KEY)):
        claim.release()
    assert "has no locks" in caplog.text


def compute_once(folder, number, gate):
    """A worker: takes the result, or computes it slowly and says so in a file."""
    shared = SharedStage(StageStore(folder / "stages"), KEY)
    gate.wait()
    shared.ready()
    if shared.result is None:
        (folder / f"computed-{number}").touch()
        time.sleep(0.5)
        shared.computed.append({"by": number})
        shared.finish(_Left())
    shared.close()
    said = shared.result.reports[0]["by"] if shared.result else number
    (folder / f"got-{number}").write_text(json.dumps(said))


class _Left:
    """What a stage leaves, as far as the store looks at it."""

    class _Part:
        def state_dict(self):
            return {"w": torch.ones(1)}

    net = masks = _Part()


def test_of_processes_that_want_the_same_result_one_computes_it(tmp_path):
    gate = FORK.Barrier(3)
    workers = [FORK.Process(target=compute_once, args=(tmp_path, n, gate)) for n in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)

    assert [worker.exitcode for worker in workers] == [0, 0, 0]
    (computed,) = tmp_path.glob("computed-*")
    got = {json.loads(path.read_text()) for path in tmp_path.glob("got-*")}
    assert got == {int(computed.name.removeprefix("computed-"))}


def hold(folder):
    """A worker that has begun to compute, and never ends by itself."""
    shared = SharedStage(StageStore(folder / "stages"), KEY)
    shared.ready()
    (folder / "holding").touch()
    time.sleep(600)


def test_a_holder_that_is_killed_leaves_the_work_to_the_one_who_waits(tmp_path):
    holder = FORK.Process(target=hold, args=(tmp_path,))
    holder.start()
    deadline = time.monotonic() + 60
    while not (tmp_path / "holding").exists():
        assert time.monotonic() < deadline, "the holder never began"
        time.sleep(0.05)
    waiting = SharedStage(StageStore(tmp_path / "stages"), KEY)
    assert not waiting.ready(patience=0.3)

    os.kill(holder.pid, signal.SIGKILL)
    holder.join(60)

    assert waiting.ready(patience=10)
    assert waiting.result is None  # so it is this one's to compute
    assert waiting.take_waited() > 0.25
    assert waiting.take_waited() == 0.0
    waiting.close()
