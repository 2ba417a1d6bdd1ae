"""The machines of a search: Ray reached, machines checked, code shipped."""
