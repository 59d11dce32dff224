"""Zero-touch provisioning: a switch that boots with nothing on it becomes a member of its fabric by itself.

`states` is the one table of what may happen. `agent` is what a switch ships with and `server` what answers it: both are
of the standard library only, for they run in nodes, each as one file. The rest works out, on the machine, what a lab
needs for that: keys, serial numbers, DHCP, and what each switch is meant to get.
"""
