"""Which labels to re-check: detectors, suspects, the audit and injected noise."""
