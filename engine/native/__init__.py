"""Optional compiled kernels of the preview: same results within bfloat16, in about two thirds of the time."""
