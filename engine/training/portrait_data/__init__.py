"""Training pictures made from a few hundred photographed faces: morphs that are nobody, and drawings of them."""
