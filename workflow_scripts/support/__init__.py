"""What every command line needs: errors for people, safe files, progress."""
