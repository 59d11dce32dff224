"""Read and write fabric files and containerlab files."""
