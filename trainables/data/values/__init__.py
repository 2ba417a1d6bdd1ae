"""How the values of a table read, whatever type its columns have."""
