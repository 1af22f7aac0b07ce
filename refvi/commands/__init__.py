"""What larger commands of the command line do: files in, work done, text and files out."""
