"""Load as an AI cluster makes it: frames of RDMA over Ethernet, queue pairs, collectives, and what became of them."""
