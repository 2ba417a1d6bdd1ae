"""`python -m search` is the `fairfront` command."""

from search.cli import main

main()
