"""Our multilayer perceptrons as compiled loops: a small network's step without a framework."""
