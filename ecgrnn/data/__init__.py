"""From databases and patients to windows, caches and batches of arrays; no model and no Lightning."""
