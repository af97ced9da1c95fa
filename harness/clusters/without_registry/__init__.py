"""What exists only because a machine may reach no image registry. With a registry, nothing here is needed.

Without one, every image has to be made from what such a machine does reach, Debian's packages and Go modules:

- `base`: the image that the Dockerfiles begin with, by mmdebstrap;
- `upstream`: images of other projects, such as Argo CD and PostgreSQL;
- `node`, from the Go programs of `components`: the node of a kind cluster;
- `replaced`: the two images that cannot be built here, and what `harness deploy` does instead.

Their Dockerfiles and go.mod files are in images/without-registry/. The packages above this one decide: they pull
where a registry answers (`harness.clusters.docker.registry`), and come here where none does.
"""
