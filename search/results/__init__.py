"""What is made of a finished search: confirmed fronts, reports, comparisons."""
