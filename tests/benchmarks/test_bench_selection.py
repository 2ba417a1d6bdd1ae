"""What FairGRAPE's exact selection costs beside sorting each group's importances.

CPU time on one thread, float32, all in one run: seven groups, nine of ten weights kept. The lower
bound of any exact form is about one sort per group, so the times are told as ratios to that.
"""

import time
import tracemalloc

import numpy as np
import pytest

from tests.trainables.made_data import made_context, made_data
from trainables.masks import prunable
from trainables.models.build import build
from trainables.pruners import fairgrape
from trainables.pruners.fairgrape import FairGrape
from trainables.pruners.rounds import RoundPlan
from trainables.pruners.selection import select, select_layers

GROUPS, KEPT = 7, 0.9
MOST_OF_SORTING, POINTERS_OVER_OURS, MOST_MEMORY = 0.7, 12, 4
REPEATS = 3


def drawn(weights, seed=0):
    """(w * g_k)^2 with gradients that groups share in part, (groups, weights)."""
    generator = np.random.default_rng(seed)
    weight, shared = generator.standard_normal((2, weights), dtype=np.float32)
    rows = [
        (weight * (shared + generator.standard_normal(weights, dtype=np.float32) * spread)) ** 2
        for spread in np.float32(0.5) + np.float32(0.25) * np.arange(GROUPS, dtype=np.float32)
    ]
    return np.array(rows)


def seconds(action, repeats=REPEATS):
    """The fastest of some repeats, in seconds of CPU."""
    times = []
    for _ in range(repeats):
        begin = time.process_time()
        action()
        times.append(time.process_time() - begin)
    return min(times)


def sort_all(importance, kind):
    for row in importance:
        np.argsort(-row, kind=kind)


def by_pointers(importance, keep):
    """The same choice in plain Python: sorted lists, a pointer for each, sums unnormalised."""
    lists = [np.argsort(-row, kind="stable").tolist() for row in importance]
    shares = importance.sum(axis=1, dtype=np.float64)
    factors = (shares.sum() / shares).tolist()
    rows = importance.T.tolist()
    chosen, kept, heads = [False] * len(rows), [0.0] * GROUPS, [0] * GROUPS
    scores = (-shares).tolist()
    for _ in range(keep):
        group = scores.index(min(scores))
        line, head = lists[group], heads[group]
        while chosen[line[head]]:
            head += 1
        weight = line[head]
        heads[group] = head + 1
        chosen[weight] = True
        for k, value in enumerate(rows[weight]):
            kept[k] += value
            scores[k] = kept[k] * factors[k]
    return np.array(chosen)


@pytest.fixture(scope="module", autouse=True)
def compiled():
    begin = time.process_time()
    select(drawn(10), 5)
    print(f"\ncompiling or loading the loops: {time.process_time() - begin:.1f} s of CPU")


@pytest.mark.benchmark
@pytest.mark.parametrize("weights", [100_000, 1_000_000])
def test_a_selection_takes_at_most_0_7_of_a_stable_sort_per_group(weights):
    importance, keep = drawn(weights), int(KEPT * weights)
    stable = seconds(lambda: sort_all(importance, "stable"))
    ours = seconds(lambda: select(importance, keep))
    default = seconds(lambda: sort_all(importance, None))
    pointers = seconds(lambda: by_pointers(importance, keep), repeats=1)
    print(
        f"\n{weights:,} weights: {GROUPS} stable argsorts {stable:.3f} s, ours {ours:.3f} s = "
        f"{ours / stable:.2f} of them and {ours / default:.2f} of default argsorts ({default:.3f} "
        f"s); pointers over lists {pointers:.2f} s = {pointers / ours:.0f} of ours"
    )

    assert (select(importance, keep) == by_pointers(importance, keep)).all()
    assert ours <= MOST_OF_SORTING * stable
    assert pointers >= POINTERS_OVER_OURS * ours


@pytest.mark.benchmark
def test_a_selection_takes_at_most_four_times_the_memory_of_the_importance():
    importance = drawn(1_000_000)
    tracemalloc.start()
    select(importance, 900_000)
    peak = importance.nbytes + tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    print(
        f"\npeak of a selection of 1,000,000: {peak / importance.nbytes:.2f} times the importance"
    )

    assert peak <= MOST_MEMORY * importance.nbytes


@pytest.mark.benchmark
def test_the_layers_of_a_resnet34_take_at_most_0_7_of_a_stable_sort_per_layer_and_group():
    sizes = {k: w.numel() for k, w in prunable(build("resnet34", (3, 64, 64), 7, seed=0)).items()}
    layers = {name: drawn(size, seed) for seed, (name, size) in enumerate(sizes.items())}
    keep = {name: int(KEPT * size) for name, size in sizes.items()}
    stable = seconds(lambda: [sort_all(layer, "stable") for layer in layers.values()], repeats=1)
    ours = seconds(lambda: select_layers(layers, keep), repeats=2)
    begin = time.perf_counter()
    select_layers(layers, keep, threads=2)
    two_threads = time.perf_counter() - begin
    print(
        f"\nResNet-34, {len(sizes)} layers, {sum(sizes.values()):,} weights: stable argsorts "
        f"{stable:.2f} s, ours {ours:.2f} s = {ours / stable:.2f} of them; "
        f"{two_threads:.2f} s by the clock on two threads"
    )

    assert ours <= MOST_OF_SORTING * stable


@pytest.mark.benchmark
def test_all_selections_of_a_resnet34_to_99_percent():
    """The whole of what selection adds to a trial of 44 rounds, whatever its images."""
    sizes = {k: w.numel() for k, w in prunable(build("resnet34", (3, 64, 64), 7, seed=0)).items()}
    layers = {name: drawn(size, seed) for seed, (name, size) in enumerate(sizes.items())}
    densities = RoundPlan(0.9, 0.99, 1, 1e-3, 64).densities
    left, picks, begin = sizes, 0, time.process_time()
    for density in densities:
        keep = {name: max(1, int(np.ceil(density * size))) for name, size in sizes.items()}
        select_layers({name: layers[name][:, : left[name]] for name in left}, keep)
        left, picks = keep, picks + sum(keep.values())
    print(
        f"\nResNet-34, {len(densities)} rounds to 99 %: {picks:,} picks in "
        f"{time.process_time() - begin:.0f} s of CPU"
    )

    assert len(densities) == 44


@pytest.mark.benchmark
def test_the_share_of_a_trial_that_selection_takes(monkeypatch):
    """A small network on small images, where training costs least beside it."""
    spent = 0.0

    def timed(*arguments, **options):
        nonlocal spent
        begin = time.process_time()
        masks = select_layers(*arguments, **options)
        spent += time.process_time() - begin
        return masks

    monkeypatch.setattr(fairgrape, "select_layers", timed)
    data = made_data(groups=GROUPS, classes=7, shape=(3, 32, 32), dtype=np.uint8)
    net = build("convnet", (3, 32, 32), 7, seed=0, channels=[16, 32, 64])
    context = made_context(net, data)
    settings = FairGrape(kappa=0.8, sparsity=0.99, round_epochs=1, final_epochs=0, batch_size=126)
    run, begin = settings.start(context), time.process_time()
    for epoch in range(run.epochs):
        run.epoch(context.generator("epoch", epoch))
    whole, rows = time.process_time() - begin, len(data.part("train"))
    print(
        f"\nconvnet of 23,920 weights, {rows} images, {run.epochs} rounds: selection "
        f"{spent / run.epochs * 1000:.1f} ms a round, {spent / whole:.1%} of the training; of "
        f"8,786 images about {spent / (whole * 8786 / rows):.2%}"
    )

    assert spent < whole / 2
