"""Which labels of a domain are likely wrong."""
