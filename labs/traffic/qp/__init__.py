"""RoCEv2 queue pairs and their congestion control, as state machines that neither send nor wait. Pure."""
