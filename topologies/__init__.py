"""Describe a fabric and deploy it: file, plan, configuration, runtime."""
