"""`python -m search` is the `fairfront` command."""

from search.cli.app import main

main()
