"""What people decide about labels: verdicts on drawn labels, and corrections in their own files."""
