"""Frames between NumPy and a node's interface: packet rings of the kernel, and batches where a ring cannot be had."""
