"""The pictures of tables beside the one of bias and performance: a module for each kind."""
