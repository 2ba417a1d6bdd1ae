import pytest
import torch

from trainables.learning.adversaries import BiasAdversary, BiasCritic


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def adversary(seed=0, lr=1e-2, scores=1):
    return BiasAdversary(
        3, scores, lr=lr, generator=seeded(seed), device=torch.device("cpu"), hidden=16
    )


def test_the_order_and_the_size_of_a_batch_do_not_matter_but_its_rows_do():
    critic = BiasCritic(3, 1, 16, seeded())
    features, scores = torch.randn(12, 3, generator=seeded()), torch.rand(12, generator=seeded())
    order = torch.randperm(12, generator=seeded())
    prediction = critic(features, scores)
    assert prediction.shape == ()
    assert torch.allclose(prediction, critic(features[order], scores[order]), atol=1e-6)
    twice = critic(features.repeat(2, 1), scores.repeat(2))
    assert torch.allclose(prediction, twice, atol=1e-6)
    assert not torch.allclose(prediction, critic(features, 1 - scores), atol=1e-4)


def test_scores_of_several_classes_are_taken_too():
    assert BiasCritic(3, 4, 16, seeded())(torch.randn(5, 3), torch.rand(5, 4)).shape == ()


def test_the_seed_alone_decides_the_critic():
    def flat(seed):
        critic = BiasCritic(3, 1, 16, seeded(seed))
        return torch.cat([p.detach().flatten() for p in critic.parameters()])

    torch.manual_seed(1)
    first = flat(0)
    torch.manual_seed(2)
    assert torch.equal(first, flat(0))
    assert not torch.equal(first, flat(1))


def test_the_critic_learns_the_bias_of_batches():
    judge, draw = adversary(), seeded(7)
    errors = []
    for _ in range(400):
        groups = torch.rand(32, generator=draw) < 0.5
        gap = torch.rand((), generator=draw) - 0.5
        features = torch.randn(32, 3, generator=draw)
        features[:, 0] = groups.float()
        scores = 0.5 + 0.5 * gap * groups
        bias = scores[~groups].mean() - scores[groups].mean()
        errors.append(judge.learn(features, scores, bias).item())
    assert sum(errors[-50:]) < 0.1 * sum(errors[:50])


def test_learning_gives_the_network_no_gradient_but_predicting_does():
    judge = adversary()
    features = torch.randn(8, 3).requires_grad_(True)
    scores = torch.rand(8).requires_grad_(True)
    judge.learn(features, scores, torch.tensor(0.3))
    assert features.grad is None
    judge.predict(features, scores).backward()
    assert features.grad.abs().sum() > 0
    assert scores.grad.abs().sum() > 0


def test_gradients_left_by_a_prediction_do_not_enter_the_next_step():
    inputs = torch.randn(8, 3, generator=seeded()), torch.rand(8, generator=seeded())
    clean, used = adversary(), adversary()
    (used.predict(*inputs) * 100).backward()
    for judge in (clean, used):
        judge.learn(*inputs, torch.tensor(0.3))
    assert clean.predict(*inputs) == used.predict(*inputs)


def test_a_restored_critic_goes_on_exactly():
    inputs = torch.randn(8, 3, generator=seeded()), torch.rand(8, generator=seeded())
    first = adversary()
    first.learn(*inputs, torch.tensor(0.3))
    second = adversary(seed=5)
    second.load_state_dict(first.state_dict())
    assert second.learn(*inputs, torch.tensor(0.1)) == first.learn(*inputs, torch.tensor(0.1))
    assert second.predict(*inputs).item() == pytest.approx(first.predict(*inputs).item(), abs=0)
