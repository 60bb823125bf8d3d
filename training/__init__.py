"""Data, loss, distillation, training loop and evaluation of the network."""
