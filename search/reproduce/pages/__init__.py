"""The pages of a table: its words, its tables, and how they are written."""
