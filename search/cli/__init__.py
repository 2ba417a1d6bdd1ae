"""The command line: `fairfront` and what it prints."""
