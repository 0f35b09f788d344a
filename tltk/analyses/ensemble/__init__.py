"""Ensembles: predictions of several trainings on one target, averaged with weights by how well each suits it."""
