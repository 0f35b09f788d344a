"""The one training loop and what it is made of: batches, loss, schedule, optimizer, metrics, checkpoint, bank."""
