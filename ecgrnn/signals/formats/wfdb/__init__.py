"""The WFDB format: headers, signal files and annotation files."""
