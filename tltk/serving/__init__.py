"""A finished training behind an HTTP address of this machine, for programs that bring pictures."""
