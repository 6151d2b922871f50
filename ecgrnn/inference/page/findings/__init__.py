"""What a recording's annotations tell, as pure functions on arrays; what is not defined is None."""
