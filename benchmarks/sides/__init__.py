"""The two sides: the product as its supervisor starts it, and its peers on Node.js."""
