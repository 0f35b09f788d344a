"""Which classes a training takes for which, with pictures of each kind of answer."""
