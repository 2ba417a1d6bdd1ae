"""From the journal to a front: what may enter it, what is on it, what is chosen."""
