"""Small exact models: finite tables and one- or two-dimensional Gaussians; everything is a sum."""
