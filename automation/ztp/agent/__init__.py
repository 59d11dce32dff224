"""What a switch ships with: it asks for a bundle, judges it, applies it, and proves that it works.

It runs in the node, without anything but Python's standard library, as one file (`automation.ztp.package`).
"""
