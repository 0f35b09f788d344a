"""One file a domain: its name is the domain's, `load(spec, argument, progress)` makes or reads its pictures."""
