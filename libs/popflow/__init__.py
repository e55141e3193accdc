"""County-level population flows from mobile network signalling, published so that nobody can be singled out."""

__version__ = "0.1.0"
