"""Which network will transfer best, scored before any is trained."""
