"""From landing files to presence: deliveries, the DuckDB reduction inside Spark tasks, quarantine, conservation law."""
