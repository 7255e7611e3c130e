"""What can be done with the things of the library: listed together, marked, renamed, moved, deleted and had back."""
