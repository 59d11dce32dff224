"""Deploy a lab: Linux namespaces or the containerlab program."""
