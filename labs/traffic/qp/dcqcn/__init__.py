"""DCQCN, the congestion control of RoCEv2, as two machines: who sees marks, and who sends. Pure."""
