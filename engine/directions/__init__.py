"""Directions in the latent spaces of any model: found (GANSpace, SeFa, differences), read from files, and kept."""
