"""Nornir tasks on routers, one a module: plain functions for anybody's Nornir with the connection `napalm`."""
