# Airflow in an environment of its own, .airflow/: nothing of it enters popflow's. Settings are environment variables.
AIRFLOW := .airflow/bin
AIRFLOW_RUN = env AIRFLOW_HOME=$(CURDIR)/.airflow/home AIRFLOW__CORE__DAGS_FOLDER=$(CURDIR)/airflow_dags \
	AIRFLOW__CORE__LOAD_EXAMPLES=False AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION=False \
	AIRFLOW__USAGE_DATA_COLLECTION__ENABLED=False AIRFLOW__API__EXPOSE_CONFIG=False \
	AIRFLOW_CONN_FS_DEFAULT='{"conn_type": "fs", "extra": {"path": "/"}}' \
	AIRFLOW_CONN_SPARK_DEFAULT='{"conn_type": "spark", "host": "local[2,4]"}' \
	SPARK_HOME=$(CURDIR)/$(shell ls -d .venv/lib/python3*/site-packages/pyspark 2>/dev/null) \
	PYSPARK_PYTHON=$(CURDIR)/.venv/bin/python POPFLOW_JARS=$(CURDIR)/.jars \
	PATH=$(CURDIR)/.airflow/bin:$(CURDIR)/.airflow/spark:$(PATH) \
	POPFLOW_LAKE=$${POPFLOW_LAKE:-$(CURDIR)/lake} POPFLOW_LANDING=$${POPFLOW_LANDING:-$(CURDIR)/landing}
.PHONY: airflow airflow-setup airflow-test

airflow-setup: setup .airflow/ready

.airflow/ready: airflow_dags/requirements.lock
	@echo "Installing Airflow into .airflow (once, about 3 minutes)"
	@$(PYTHON) -m venv .airflow
	@$(AIRFLOW)/python -m pip install --quiet --disable-pip-version-check --no-deps -r airflow_dags/requirements.lock
	@mkdir -p .airflow/spark && ln -sf $(CURDIR)/.venv/bin/spark-submit .airflow/spark/spark-submit
	@touch $@

airflow: airflow-setup  ## Airflow at http://localhost:8080 with the nightly DAG; POPFLOW_LAKE and POPFLOW_LANDING say of what
	@$(AIRFLOW_RUN) $(AIRFLOW)/airflow standalone

airflow-test: airflow-setup  ## run the nightly DAG on simulated data, in Airflow's own environment
	@$(AIRFLOW_RUN) POPFLOW_AIRFLOW=$(CURDIR)/$(AIRFLOW)/airflow $(BIN)/python -m pytest -m slow tests/airflow_dags
