"""RDMA over Converged Ethernet as it is on the wire: headers, checksum, ports."""
