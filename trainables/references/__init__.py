"""Models of tables that fronts are compared with: fitted in seconds, never pruned."""
