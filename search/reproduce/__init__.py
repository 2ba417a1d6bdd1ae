"""The tables of published papers, run again and set side by side."""
