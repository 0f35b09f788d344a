"""Word vectors trained on with the texts of a domain, before and after."""
