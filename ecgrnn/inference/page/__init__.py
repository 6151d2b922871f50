"""The page of a recording: what its annotations tell, its strips and its whole signal, in one HTML file."""

from ecgrnn.inference.page.pages import page_of, write_page

__all__ = ["page_of", "write_page"]
