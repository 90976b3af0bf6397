"""One face in every style at once: a wall of pictures, one of which is taken."""
