"""The stability–plasticity plane: what is learned of the target against what is kept of the source."""
