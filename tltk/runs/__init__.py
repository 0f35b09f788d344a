"""A run is a folder: whoever has it can read it. No torch here: pages read runs."""
