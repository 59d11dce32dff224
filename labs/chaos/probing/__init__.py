"""The data plane, watched while it is broken: a mesh of probes that never stops."""
