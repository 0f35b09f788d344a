"""`tltk …` from the shell. No torch here."""
