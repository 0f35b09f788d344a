"""A freeze-depth sweep: how many layers transfer, and why the rest does not."""
