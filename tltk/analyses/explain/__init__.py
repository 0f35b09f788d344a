"""One picture: what a training sees in it, where it looks, and what it is most like."""
