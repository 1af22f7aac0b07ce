"""The source documents, one file each: every displayed equation and testable sentence, as printed."""
