"""Robots that use the product as people do, through its public interfaces only."""
