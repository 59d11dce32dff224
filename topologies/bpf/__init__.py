"""BPF without a compiler: an assembler, the kernel's type information, and what programs have in common. Pure."""
