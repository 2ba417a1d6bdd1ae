"""A running search: Ray Tune, the Optuna studies, what is shown of its progress."""
