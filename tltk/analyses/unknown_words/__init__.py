"""Which words of a domain have no vector."""
