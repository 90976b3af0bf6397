"""Augmentations of what the discriminator sees, so that few pictures last longer."""
