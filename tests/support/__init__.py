"""What tests share: small domains and nets, executors, simulated studies."""
