"""Delay, jitter, duplicates and reordering without netem: a process that holds packets for the time they must wait.

A rule where packets leave the interface (nftables, hook egress) hands them to a tap in the same network, after loss and
corruption had their turn. A process reads the tap, lets each packet wait, and sends it on over the interface with a
mark by which the rule lets it pass; rate, queues and ECN marking meet it then. Packets cross with their virtio header,
so that large ones, and checksums that are left to the device, go through as they are.

The kernel keeps what there is to know: the tap's alias says whose tap it is, what is done there, and which process does
it, and tap and alias are gone as soon as that process is. The process is not the node's: a frozen node's kernel
goes on forwarding, and so does the relay. It ends with the process that holds the network: the lab's first, or the
container's.
"""
