"""The NAPALM driver for GoBGP. NAPALM takes the first driver class that it finds here, so this is the only one."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from napalm_gobgp.driver import GoBGPDriver

__all__ = ["GoBGPDriver"]


def __getattr__(name: str) -> object:
    """The driver, once somebody asks for it: NAPALM takes a second to load, and the client needs none of it."""
    if name != "GoBGPDriver":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from napalm_gobgp.driver import GoBGPDriver

    return GoBGPDriver


def __dir__() -> list[str]:
    """What NAPALM looks through for a driver."""
    return __all__
