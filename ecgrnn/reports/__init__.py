"""Pages, tables, charts and ECG paper; knows no task."""
