"""What the ingestion and the Spark jobs agree on; standard library only, so that both images can carry it.

`layout` says where everything lies, `manifest` what commits a bronze run, `fields` what a brewery looks like.
"""
