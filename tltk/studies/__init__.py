"""Studies plan trainings and weigh them: a folder each."""
