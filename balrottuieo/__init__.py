"""발로뛰어: wiring only (settings, routes, servers, task queue)."""
