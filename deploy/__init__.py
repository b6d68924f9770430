"""What it takes to run the product somewhere. Nothing here imports the product."""
