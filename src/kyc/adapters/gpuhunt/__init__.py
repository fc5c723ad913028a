"""GPU clouds that gpuhunt knows."""
