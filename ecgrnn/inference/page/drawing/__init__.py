"""Pictures of a recording: strips on paper, compressed hours, charts, samples for the enlarged view."""
