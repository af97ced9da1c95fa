"""Makes the platform's secrets in a cluster: random, never in git, never printed unless asked."""
