"""One strategy, term, domain, measure and score for tltk, each in a file of its own."""
