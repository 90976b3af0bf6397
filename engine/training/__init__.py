"""Training and fine-tuning of generators, in a process of its own."""
