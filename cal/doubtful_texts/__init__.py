"""Which texts are worth a look whatever their label: near-duplicates, empty, broken and unlike all others."""
