"""Exports."""

from __future__ import annotations

from pydantic import BaseModel


class ExportPreview(BaseModel):
    """What an export would hold.

    Attributes:
        name: name of the file.
        n_documents: number of documents.
        n_checked: number of documents that were written on trial.
        losses: what the format cannot hold of these, in words; empty if it holds everything.
        notes: sentences about how to use the file.
        command: the command that writes the same file.
    """

    name: str
    n_documents: int
    n_checked: int
    losses: str
    notes: list[str]
    command: str
