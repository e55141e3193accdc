"""A nation with known truth: people, journeys, the deliveries of three MNOs, and the Wuhan 2020 scenario."""

from popflow.synthetic.nation import SimulationSummary, simulate
from popflow.synthetic.scenario import Scenario, counts, wuhan_2020
from popflow.synthetic.troubles import Troubles

__all__ = ["Scenario", "SimulationSummary", "Troubles", "counts", "simulate", "wuhan_2020"]
