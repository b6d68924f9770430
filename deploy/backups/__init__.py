"""Backup and restore of the database at ``DATABASE_URL``, whichever of the three it is.

They work where the product does not start: without its settings, its secrets and its models.
"""
