"""Every option with its unit, default and rules, and the named choices."""
