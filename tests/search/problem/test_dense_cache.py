"""Which dense nets the cache holds to be the same."""

from dataclasses import replace

from search.config.config import Config
from search.problem.dense_net import DenseRecipe
from search.problem.problem import open_problem


def test_a_dense_net_that_saw_images_cropped_and_mirrored_is_another_one():
    experiment = {
        "name": "cached",
        "data": {"name": "digits", "group": "domain"},
        "model": {"name": "convnet"},
        "objective": {"performance": "accuracy", "bias": "bias_amplification"},
    }
    images = open_problem(Config.model_validate(experiment)).prepared
    recipe = DenseRecipe("erm", {"max_epochs": 1}, "convnet", "hash", 0)

    keys = {recipe.key(replace(images, augment=augment)) for augment in (False, True)}

    assert len(keys) == 2
    assert recipe.key(images) in keys
