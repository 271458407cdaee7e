"""Exchange: annotated documents in the formats of spreadsheets, programs and labelling tools, in and out."""
