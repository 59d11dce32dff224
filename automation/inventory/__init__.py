"""Nornir's inventory of a lab, known from the running lab, from a file, or from what containerlab left beside one."""

from automation.inventory.plugin import ClosInventory

__all__ = ["ClosInventory"]
