"""A day of a whole city in one process: what would a policy change?

No network and no database; who is asked is decided by the product's own matching. What people
do here is assumed, and stands as a constant beside the code that uses it.
"""
