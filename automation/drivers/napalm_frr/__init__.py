"""The NAPALM driver for FRR. NAPALM takes the first driver class that it finds here, so this is the only one."""

from napalm_frr.driver import FRRDriver

__all__ = ["FRRDriver"]
