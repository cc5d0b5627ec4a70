"""What leaves a checkout and comes into one: results to and from a repository on the web, and archives of them."""
