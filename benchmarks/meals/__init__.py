"""The Meal Delivery Routing Problem, played by the product's own matching.

Instances and rules: Reyes, Erera, Savelsbergh, Sahasrabudhe, O'Neil, *The Meal Delivery Routing
Problem* (2018), and the public repository grubhub/mdrplib. All times are minutes, all places
metres on a plane. Half of the service minutes lie before a pickup or drop-off (parking, walking
in), half after it.
"""
