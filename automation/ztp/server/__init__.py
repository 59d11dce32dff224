"""What answers switches that want to be provisioned, in a node of its own and of the standard library only."""
