"""The parts that a source may divide its examples into, and their numbers."""

FREE, TRAIN, VAL, TEST, OUT = -1, 0, 1, 2, 3
PARTS = {TRAIN: "train", VAL: "val", TEST: "test"}
