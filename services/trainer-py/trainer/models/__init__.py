"""One model a file. A model imports `recommender` and libraries, never another model."""
