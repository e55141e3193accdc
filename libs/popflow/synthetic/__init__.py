"""A nation with known truth: people, journeys, the deliveries of three MNOs, and the Wuhan 2020 scenario."""
