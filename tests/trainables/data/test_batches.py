import numpy as np
import pytest
import torch
from torch import nn

from tests.trainables.made_data import PARTS, made_data, made_prepared
from trainables.data import batches
from trainables.data.batches import (
    TrialData,
    crop_and_flip,
    evaluating,
    loss_of,
    recalibrate_batch_norm,
    scores_of,
)


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def rows_of(data, part, seed=0, size=16, **settings):
    """The first inputs of the batches of an epoch, which tell the rows apart."""
    epoch = data.epoch(part, size, seeded(seed), **settings)
    return [batch.inputs.flatten(1)[:, 0].tolist() for batch in epoch]


def test_an_epoch_shows_every_row_once_with_what_belongs_to_it():
    data = made_data()
    part = data.part("train")
    order = {value: row for row, value in enumerate(part.inputs[:, 0].tolist())}
    seen = []
    for batch in data.epoch("train", 16, seeded()):
        rows = [order[value] for value in batch.inputs[:, 0].tolist()]
        seen += rows
        assert torch.equal(batch.inputs, part.inputs[rows])
        assert torch.equal(batch.labels, part.labels[rows])
        assert torch.equal(batch.groups, part.groups[rows])
        assert torch.equal(batch.weights, part.weights[rows])

    assert sorted(seen) == list(range(PARTS["train"]))


def test_the_order_of_an_epoch_depends_on_its_generator_alone():
    data = made_data()

    assert rows_of(data, "train", seed=1) == rows_of(data, "train", seed=1)
    assert rows_of(data, "train", seed=1) != rows_of(data, "train", seed=2)


def test_gathering_in_several_chunks_gives_the_same_batches(monkeypatch):
    data = made_data()
    at_once = rows_of(data, "train")
    monkeypatch.setattr(batches, "_CHUNK", 5 * 16 * 3)

    assert rows_of(data, "train") == at_once


@pytest.mark.parametrize(
    ("size", "drop_last", "sizes"),
    [
        (50, False, [50, 50, 50]),
        (40, False, [40, 40, 40, 30]),
        (40, True, [40, 40, 40]),
        (149, False, [150]),  # batch statistics need two rows
        (149, True, [149]),
        (500, False, [150]),
        (500, True, [150]),
    ],
)
def test_batches_have_the_sizes_that_were_asked_for(size, drop_last, sizes):
    data = made_data()

    epoch = list(data.epoch("train", size, seeded(), drop_last=drop_last))
    assert [len(batch) for batch in epoch] == sizes


def test_batches_of_one_row_are_refused():
    with pytest.raises(ValueError, match="size must be at least 2, got 1"):
        next(made_data().epoch("train", 1, seeded()))


def test_the_sealed_test_part_is_not_there():
    known = "train, early_stop, debias, held_back, tune"
    with pytest.raises(ValueError, match=f"part must be one of {known}, got 'test'"):
        made_data().part("test")


def test_uint8_images_stay_small_and_are_normalised_per_batch():
    prepared = made_prepared(shape=(3, 8, 8), dtype=np.uint8)
    data = TrialData(prepared, torch.device("cpu"))
    batch = next(data.epoch("tune", 50, seeded()))

    assert data.part("tune").inputs.dtype == torch.uint8
    raw = prepared.parts["tune"].inputs
    encoded = prepared.encoder.transform(raw)  # what an exported model is fed with
    assert torch.equal(data.normalise(torch.tensor(raw)), torch.tensor(encoded))
    assert batch.inputs.dtype == torch.float32
    assert batch.inputs.mean().item() == pytest.approx((raw.mean() - 100) / 50, abs=1e-5)


def test_uint8_input_is_refused_where_the_data_are_floats():
    with pytest.raises(ValueError, match="inputs must be floats as in this data set, got uint8"):
        made_data().normalise(torch.zeros(2, 5, dtype=torch.uint8))


def test_read_only_arrays_are_taken():
    prepared = made_prepared()
    for part in prepared.parts.values():
        part.inputs.setflags(write=False)
        part.labels.setflags(write=False)

    data = TrialData(prepared, torch.device("cpu"))
    assert data.part("train").inputs.shape == (150, 5)


def test_augmented_images_are_shifted_over_zeros_and_half_of_them_mirrored():
    image = torch.arange(1, 1 + 2 * 16 * 16).view(1, 2, 16, 16)
    moved = crop_and_flip(image.expand(400, -1, -1, -1), seeded())
    padded = torch.nn.functional.pad(image[0], (2, 2, 2, 2))
    possible = {}
    for top in range(5):
        for left in range(5):
            crop = padded[:, top : top + 16, left : left + 16]
            possible[tuple(crop.flatten().tolist())] = (top, left, False)
            possible[tuple(crop.flip(2).flatten().tolist())] = (top, left, True)
    found = [possible[tuple(row.flatten().tolist())] for row in moved]

    assert len(set(found)) == 50
    assert 150 < sum(mirrored for *_, mirrored in found) < 250


def test_only_epochs_that_ask_for_it_are_augmented():
    data = made_data(shape=(3, 8, 8), dtype=np.uint8)
    plain = torch.cat([b.inputs for b in data.epoch("train", 16, seeded())])
    again = torch.cat([b.inputs for b in data.epoch("train", 16, seeded())])
    moved = torch.cat([b.inputs for b in data.epoch("train", 16, seeded(), augment=True)])

    assert torch.equal(plain, again)
    assert plain.shape == moved.shape and not torch.equal(plain, moved)


def test_scores_come_in_the_order_of_the_rows_whatever_the_batches(monkeypatch):
    data = made_data()
    net = nn.Sequential(nn.Linear(5, 4), nn.Dropout(0.5), nn.BatchNorm1d(4), nn.Linear(4, 1))
    net.train()
    at_once = scores_of(net, data, "tune")
    monkeypatch.setattr(batches, "_EVALUATION_ON_CPU", 5 * 7)

    assert net.training
    assert at_once.shape == (50,) and at_once.dtype == np.float64
    np.testing.assert_allclose(scores_of(net, data, "tune"), at_once, atol=1e-6)
    with torch.no_grad():
        expected = torch.sigmoid(net.eval()(data.part("tune").inputs))[:, 0]
    np.testing.assert_allclose(at_once, expected, atol=1e-6)


def test_scores_of_several_classes_are_rows_of_probabilities():
    data = made_data(classes=3)
    scores = scores_of(nn.Linear(5, 3), data, "tune")

    assert scores.shape == (50, 3)
    np.testing.assert_allclose(scores.sum(1), 1.0)


def test_logits_that_are_not_finite_are_refused():
    net = nn.Linear(5, 1)
    with torch.no_grad():
        net.bias.fill_(float("inf"))

    with pytest.raises(FloatingPointError, match="logits on tune must be finite"):
        scores_of(net, made_data(), "tune")


def test_the_loss_of_a_part_counts_rows_by_their_weights():
    data = made_data(weights=lambda labels, groups: np.where(labels == 1, 2.0, 0.0))
    net = nn.Linear(5, 1)
    with torch.no_grad():
        net.weight.zero_()
        net.bias.fill_(100.0)  # every row is called class 1: only class 0 would cost

    assert loss_of(net, data, "tune") == pytest.approx(0.0, abs=1e-6)


def test_evaluating_puts_each_module_back_into_its_own_mode():
    net = nn.Sequential(nn.Dropout(), nn.BatchNorm1d(3))
    net[1].eval()
    with evaluating(net):
        assert not net.training and not net[0].training
    assert net.training and net[0].training and not net[1].training


def test_recalibrated_statistics_are_averages_over_the_batches():
    data = made_data()
    net = nn.Sequential(nn.Dropout(0.9), nn.BatchNorm1d(5), nn.Linear(5, 1)).eval()
    net[1].running_mean.fill_(40.0)
    recalibrate_batch_norm(net, data, seeded(3), batches=3, size=20)
    expected = [batch.inputs for batch in data.epoch("debias", 20, seeded(3))]

    means = torch.stack([inputs.mean(0) for inputs in expected]).mean(0)
    variances = torch.stack([inputs.var(0) for inputs in expected]).mean(0)
    torch.testing.assert_close(net[1].running_mean, means)
    torch.testing.assert_close(net[1].running_var, variances)
    assert net[1].momentum == 0.1
    assert not net.training and not net[1].training


def test_recalibration_looks_at_no_more_batches_than_asked():
    data = made_data()
    net = nn.Sequential(nn.BatchNorm1d(5), nn.Linear(5, 1))
    recalibrate_batch_norm(net, data, seeded(3), batches=2, size=20)

    assert net[0].num_batches_tracked == 2


def test_a_network_without_batch_normalisation_is_left_alone():
    net = nn.Linear(5, 1)
    before = net.weight.clone()
    recalibrate_batch_norm(net, made_data(), seeded())

    assert torch.equal(net.weight, before)
