"""Which pictures of a domain, or of two, are copies of each other."""
