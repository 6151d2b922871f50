"""From held-out records to tables, JSON, plots and the HTML report."""
