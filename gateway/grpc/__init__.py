"""The edge that speaks gRPC: a typed service before the same core."""
