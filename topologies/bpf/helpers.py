"""What our programs use of the kernel: helpers, fields of a packet's context, answers (uapi/linux/bpf.h)."""

MAP_LOOKUP, MAP_UPDATE = 1, 2
KTIME_NS, RANDOM = 5, 7
LOAD_BYTES = 26  # of a packet, wherever its parts lie
FORGET_HASH, SET_HASH = 41, 48
SET_CE = 97  # the packet's ECN field to CE; 0 where it is not ECN-capable

LENGTH, PROTOCOL = 0, 16  # of struct __sk_buff: bytes, and the EtherType in the network's order
GO_ON = 0xFFFF_FFFF  # TC_ACT_UNSPEC: as if there were no program
ETHERNET = 14  # bytes of its header
IPV4, IPV6 = 0x0800, 0x86DD

MAP_HASH, MAP_ARRAY, MAP_LRU = 1, 2, 9
