"""Which image the nodes of our own labs run on containerlab."""

from collections.abc import Mapping

PUBLIC_FRR_IMAGE = "quay.io/frrouting/frr:10.4.1"


def frr_image_name(env: Mapping[str, str], wanted: str = "") -> str:
    """What the lab asks for, else CLOSLAB_FRR_IMAGE, else the FRR project's own image."""
    return wanted or env.get("CLOSLAB_FRR_IMAGE") or PUBLIC_FRR_IMAGE
