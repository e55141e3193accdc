"""Pages and packages for people: the map briefing, one package per province, pictures and print."""

from popflow.report.briefing import briefing
from popflow.report.package import packages

__all__ = ["briefing", "packages"]
