"""A starting configuration of the review, from what discovery and a build of the repository show."""
