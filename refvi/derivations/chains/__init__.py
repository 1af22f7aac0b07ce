"""The chains, one file per system or topic; a new file is found by itself."""
