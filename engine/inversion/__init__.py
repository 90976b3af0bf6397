"""From a portrait to a latent: decode, find the face, cut it out as the model was trained, project."""
