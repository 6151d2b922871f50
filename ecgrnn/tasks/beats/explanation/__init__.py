"""What a classification of a beat leans on: integrated gradients, tables and a page."""
