"""What is asked for, as plain data: a page, the shell or Python writes a spec, a worker reads it. No torch here."""
