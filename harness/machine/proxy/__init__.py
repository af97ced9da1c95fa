"""For a machine behind a company's TLS proxy: the CA bundle, told to every program and to Java."""
