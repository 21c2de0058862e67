"""Values that cross the border between the engine and whoever drives it (the API, the tests)."""
