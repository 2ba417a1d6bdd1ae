import pytest
import torch

from trainables.learning.adversaries import BiasAdversary, BiasCritic
from trainables.learning.cells import Cells
from trainables.learning.fair_loss import SoftBias


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def adversary(seed=0, lr=1e-2, scores=1):
    return BiasAdversary(
        3, scores, 4, lr=lr, generator=seeded(seed), device=torch.device("cpu"), hidden=16
    )


def cells_of(rows, seed=0):
    """Of samples each in one of four cells by lot."""
    return Cells.of(torch.randint(4, (rows,), generator=seeded(seed)), torch.arange(4))


def critic(scores=1, seed=0):
    """One whose last layer says something from the start."""
    made = BiasCritic(3, scores, 4, 16, seeded(seed))
    torch.nn.init.normal_(made.of_batch[-1].weight, generator=seeded(seed))
    return made


def test_the_order_and_the_size_of_a_batch_do_not_matter_but_its_rows_and_their_cells_do():
    judge, cell = critic(), torch.arange(12) % 4
    features, scores = torch.randn(12, 3, generator=seeded()), torch.rand(12, generator=seeded())

    def of(features, scores, cell):
        return judge(features, scores, Cells.of(cell, torch.arange(4)))

    order = torch.randperm(12, generator=seeded())
    prediction = of(features, scores, cell)
    assert prediction.shape == ()
    assert torch.allclose(prediction, of(features[order], scores[order], cell[order]), atol=1e-6)
    twice = of(features.repeat(2, 1), scores.repeat(2), cell.repeat(2))
    assert torch.allclose(prediction, twice, atol=1e-6)
    assert not torch.allclose(prediction, of(features, 1 - scores, cell), atol=1e-4)
    assert not torch.allclose(prediction, of(features, scores, cell.flip(0)), atol=1e-4)


def test_scores_of_several_classes_are_taken_too():
    assert critic(4)(torch.randn(5, 3), torch.rand(5, 4), cells_of(5)).shape == ()


def test_a_critic_says_0_before_it_has_learned():
    fresh = BiasCritic(3, 1, 4, 16, seeded())
    assert fresh(torch.randn(8, 3), torch.rand(8), cells_of(8)) == 0


def test_the_seed_alone_decides_the_critic():
    def flat(seed):
        made = BiasCritic(3, 1, 4, 16, seeded(seed))
        return torch.cat([p.detach().flatten() for p in made.parameters()])

    torch.manual_seed(1)
    first = flat(0)
    torch.manual_seed(2)
    assert torch.equal(first, flat(0))
    assert not torch.equal(first, flat(1))


def test_the_critic_learns_what_batches_of_one_distribution_differ_by():
    """Nothing but who is in a batch and the noise of scores: the mean predicts none of it."""
    judge, draw = adversary(), seeded(7)
    soft = SoftBias("aod", torch.full((2, 2), 0.25))
    biases, errors = [], []
    for _ in range(600):
        groups, labels = (torch.randint(2, (64,), generator=draw) for _ in range(2))
        scores = torch.rand(64, generator=draw)
        bias = soft(scores, labels, groups)
        biases.append(bias.item())
        cells = soft.cells(labels, groups)
        features = torch.randn(64, 3, generator=draw)
        errors.append(judge.learn(features, scores, cells, bias).item())
    late = torch.tensor(biases[-200:])
    assert sum(errors[-200:]) < 0.2 * float(((late - late.mean()) ** 2).sum())


def test_learning_gives_the_network_no_gradient_but_predicting_does():
    judge = adversary()
    features = torch.randn(8, 3).requires_grad_(True)
    scores = torch.rand(8).requires_grad_(True)
    for _ in range(2):  # the first step is one of the last layer alone
        judge.learn(features, scores, cells_of(8), torch.tensor(0.3))
    assert features.grad is None
    judge.predict(features, scores, cells_of(8)).backward()
    assert features.grad.abs().sum() > 0
    assert scores.grad.abs().sum() > 0


def test_gradients_left_by_a_prediction_do_not_enter_the_next_step():
    inputs = torch.randn(8, 3, generator=seeded()), torch.rand(8, generator=seeded()), cells_of(8)
    clean, used = adversary(), adversary()
    (used.predict(*inputs) * 100).backward()
    for judge in (clean, used):
        judge.learn(*inputs, torch.tensor(0.3))
    assert clean.predict(*inputs) == used.predict(*inputs)


def test_a_restored_critic_goes_on_exactly():
    inputs = torch.randn(8, 3, generator=seeded()), torch.rand(8, generator=seeded()), cells_of(8)
    first = adversary()
    first.learn(*inputs, torch.tensor(0.3))
    second = adversary(seed=5)
    second.load_state_dict(first.state_dict())
    assert second.learn(*inputs, torch.tensor(0.1)) == first.learn(*inputs, torch.tensor(0.1))
    assert second.predict(*inputs).item() == pytest.approx(first.predict(*inputs).item(), abs=0)


def test_a_critic_of_an_earlier_version_is_left_out():
    """Theirs saw no cells: its layer of the batch had as many inputs as hidden units."""
    state, judge = adversary(seed=5).state_dict(), adversary()
    state["critic"]["of_batch.0.weight"] = torch.zeros(16, 16)
    before = judge.state_dict()
    judge.load_state_dict(state)

    after = judge.state_dict()["critic"]
    assert all(torch.equal(after[name], one) for name, one in before["critic"].items())


def test_several_steps_on_a_batch_are_so_many_of_one_step():
    inputs = torch.randn(8, 3, generator=seeded()), torch.rand(8, generator=seeded()), cells_of(8)
    at_once = BiasAdversary(
        3, 1, 4, lr=1e-2, steps=3, generator=seeded(), device=torch.device("cpu"), hidden=16
    )
    singly = adversary()
    errors = [singly.learn(*inputs, torch.tensor(0.3)) for _ in range(3)]

    assert at_once.learn(*inputs, torch.tensor(0.3)) == errors[0]
    assert at_once.predict(*inputs) == singly.predict(*inputs)
