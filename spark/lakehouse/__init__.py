"""The Spark jobs of the lakehouse: bronze to silver, silver to gold, quality gate, maintenance."""
