"""Which labels and texts to re-check: detectors, suspects, problems of texts, and the audit."""
