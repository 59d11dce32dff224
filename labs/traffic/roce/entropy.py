"""The UDP source port of a RoCEv2 flow, which is all that ECMP has to tell one queue pair from another. Pure.

As rdma-core computes both (`rdma_calc_flow_label`, `ibv_flow_label_to_udp_sport`), so that flows made here meet on the
same links as a real card's would. The range is that of dynamic ports, 0xC000 to 0xFFFF: fourteen bits.
"""

from topologies.errors import Mistake

FIRST_PORT, LAST_PORT = 0xC000, 0xFFFF
_LABEL_BITS, _PORT_BITS = 20, 14
_QP_MASK, _LABEL_MASK, _PORT_MASK = 0xFFFFFF, (1 << _LABEL_BITS) - 1, (1 << _PORT_BITS) - 1


def flow_label(local_qp: int, remote_qp: int) -> int:
    """The 20-bit flow label of a connection; the same from either end. Raises Mistake for what is no QP number."""
    for number in (local_qp, remote_qp):
        if not 0 <= number <= _QP_MASK:
            raise Mistake(f"queue pair {number:#x}: numbers have 24 bits")
    value = local_qp * remote_qp
    value ^= value >> 20
    value ^= value >> 40
    return value & _LABEL_MASK


def source_port(label: int) -> int:
    """The UDP source port that stands for a flow label. Raises Mistake for what is no flow label."""
    if not 0 <= label <= _LABEL_MASK:
        raise Mistake(f"flow label {label:#x}: labels have {_LABEL_BITS} bits")
    return (label & _PORT_MASK) ^ (label >> _PORT_BITS) | FIRST_PORT


def port_of(local_qp: int, remote_qp: int) -> int:
    """The UDP source port of a connection."""
    return source_port(flow_label(local_qp, remote_qp))
