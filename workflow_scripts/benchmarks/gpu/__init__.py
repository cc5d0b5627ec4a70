"""What `make gpu-check` measures on a borrowed machine, part by part."""
