#!/usr/bin/env bash
# A real Spark cluster on this machine: a master and two workers on loopback, to try what a cluster will do.
#   scripts/cluster.sh start     starts it and prints the master's address, for POPFLOW_MASTER
#   scripts/cluster.sh stop      stops all three
#   scripts/cluster.sh run CMD   starts it, runs CMD with POPFLOW_MASTER set, and stops it whatever CMD does
set -euo pipefail
here=$(cd "$(dirname "$0")/.." && pwd)
state=${POPFLOW_CLUSTER_STATE:-$here/.cluster}
export SPARK_SCALA_VERSION=2.13 SPARK_NO_DAEMONIZE=1 SPARK_LOCAL_IP=127.0.0.1
SPARK_HOME=$("$here/.venv/bin/python" -c 'import pyspark, pathlib; print(pathlib.Path(pyspark.__file__).parent)')
export SPARK_HOME PYSPARK_PYTHON="$here/.venv/bin/python"
port=${POPFLOW_CLUSTER_PORT:-7077}
master=spark://127.0.0.1:$port

launch() { # NAME CLASS ARG...
    local name=$1
    shift
    setsid "$SPARK_HOME/bin/spark-class" "$@" >"$state/$name.log" 2>&1 &
    echo $! >"$state/$name.pid"
}

wait_for() { # TEXT FILE
    for _ in $(seq 120); do
        grep -q "$1" "$2" 2>/dev/null && return 0
        sleep 0.5
    done
    echo "the cluster did not come up; see $2" >&2
    return 1
}

start() {
    mkdir -p "$state"
    launch master org.apache.spark.deploy.master.Master --host 127.0.0.1 --port "$port" --webui-port 0
    wait_for "I have been elected leader\|New state: ALIVE" "$state/master.log"
    for worker in 1 2; do
        launch "worker$worker" org.apache.spark.deploy.worker.Worker --host 127.0.0.1 --webui-port 0 \
            --cores 1 --memory "${POPFLOW_WORKER_MEMORY:-5g}" --work-dir "$state/work$worker" "$master"
        wait_for "Successfully registered with master" "$state/worker$worker.log"
    done
    echo "$master"
}

stop() {
    for pid in "$state"/*.pid; do
        [ -e "$pid" ] || continue
        kill -- "-$(cat "$pid")" 2>/dev/null || true
        rm -f "$pid"
    done
}

case ${1:-} in
start) start ;;
stop) stop ;;
run)
    shift
    trap stop EXIT
    start >&2
    POPFLOW_MASTER=$master "$@"
    ;;
*) sed -n '2,6s/^# //p' "$0" && exit 2 ;;
esac
