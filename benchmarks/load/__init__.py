"""Clients that cost little beside the servers they load; the same one for both sides."""
