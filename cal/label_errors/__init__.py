"""Which labels and texts to re-check: detectors, suspects, problems of texts, the audit and injected noise."""
