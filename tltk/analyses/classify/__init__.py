"""What classical learners make of frozen features, and of features moved or weighted towards another domain."""
