"""Data too large to be copied, on their way to a worker and there."""

import dataclasses
import hashlib
import pickle

import numpy as np
import pytest
import torch

from tests.trainables import made_data
from trainables.data.batches import TrialData
from trainables.data.mapped import PackedData


def made_prepared():
    prepared = made_data.made_prepared()
    hashes = {name: hashlib.sha256(name.encode()).hexdigest() for name in prepared.parts}
    return dataclasses.replace(prepared, hashes=hashes)


def inputs_bytes(prepared):
    return sum(part.inputs.nbytes for part in prepared.parts.values())


def sent(packed):
    return pickle.loads(pickle.dumps(packed))


def test_small_data_travel_as_they_are_and_leave_no_files(tmp_path):
    prepared = made_prepared()
    packed = PackedData.pack(prepared, tmp_path / "data", above=inputs_bytes(prepared))

    assert packed.open() is prepared
    assert not (tmp_path / "data").exists()


def test_large_inputs_stay_behind_in_files_and_arrive_unchanged(tmp_path):
    prepared = made_prepared()
    packed = PackedData.pack(prepared, tmp_path, above=inputs_bytes(prepared) - 1)
    arrived = sent(packed).open()

    assert len(pickle.dumps(packed)) < len(pickle.dumps(prepared)) - 0.9 * inputs_bytes(prepared)
    assert arrived.parts.keys() == prepared.parts.keys()
    for name, part in arrived.parts.items():
        assert isinstance(part.inputs, np.memmap)
        np.testing.assert_array_equal(part.inputs, prepared.parts[name].inputs)
        np.testing.assert_array_equal(part.labels, prepared.parts[name].labels)


def test_a_file_of_an_earlier_session_is_taken_as_it_is_and_none_is_left_half_written(tmp_path):
    prepared = made_prepared()
    first = PackedData.pack(prepared, tmp_path, above=0)
    written = {path: path.stat().st_mtime_ns for path in first.files.values()}
    again = PackedData.pack(prepared, tmp_path, above=0)

    assert {path: path.stat().st_mtime_ns for path in again.files.values()} == written
    assert set(tmp_path.iterdir()) == set(written)


def test_tensors_share_the_files_pages_and_what_is_written_to_them_stays_in_the_process(tmp_path):
    packed = PackedData.pack(made_prepared(), tmp_path, above=0)
    opened = packed.open()
    # float32 as stored: the tensor is the mapping itself
    data = TrialData(opened, torch.device("cpu"))
    inputs = data.part("tune").inputs
    assert inputs.data_ptr() == opened.parts["tune"].inputs.ctypes.data

    before = inputs.clone()
    inputs.add_(1.0)
    np.testing.assert_array_equal(packed.open().parts["tune"].inputs, before.numpy())


def test_mapped_data_give_the_same_batches_as_copied_ones(tmp_path):
    prepared = made_prepared()
    mapped = PackedData.pack(prepared, tmp_path, above=0).open()
    batches = [
        list(
            TrialData(one, torch.device("cpu")).epoch("train", 7, torch.Generator().manual_seed(3))
        )
        for one in (prepared, mapped)
    ]

    for copied, shared in zip(*batches, strict=True):
        assert torch.equal(copied.inputs, shared.inputs)
        assert torch.equal(copied.labels, shared.labels)


def test_a_machine_that_does_not_see_the_files_says_so(tmp_path):
    packed = PackedData.pack(made_prepared(), tmp_path, above=0)
    next(iter(packed.files.values())).unlink()

    with pytest.raises(FileNotFoundError):
        packed.open()
