"""Computations that models call where plain tensors of the natural shape would not fit or not be fast enough."""
