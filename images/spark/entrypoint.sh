#!/bin/bash
# What Spark starts its pods with: `driver ARGS…` and `executor`, with what it says in SPARK_* variables; `history ARGS…` is
# the history server; anything else is run as it is. (The contract is in Spark's KubernetesClientApplication and BasicExecutorFeatureStep.)
set -euo pipefail

options=()
while IFS= read -r name; do
  options+=("${!name}")
done < <(compgen -v | grep -E '^SPARK_JAVA_OPT_[0-9]+$' | sort -t_ -k4 -n)

# The class-data archive (Dockerfile) is of these jars in this order; what follows them does no harm to it.
jars=("$SPARK_HOME"/jars/*.jar)
classpath="$(IFS=:; echo "${jars[*]}"):${SPARK_CONF_DIR:-$SPARK_HOME/conf}"
classpath="${SPARK_CLASSPATH:+$SPARK_CLASSPATH:}${SPARK_EXTRA_CLASSPATH:+$SPARK_EXTRA_CLASSPATH:}$classpath"
java=(tini -s -- "$JAVA_HOME/bin/java" -XX:SharedArchiveFile="$SPARK_HOME/classes.jsa")

# A property of the driver, as Java writes them: with backslashes.
property() {
  sed -n "s/^$1=//p" "$SPARK_CONF_DIR/spark.properties" | sed 's/\\\(.\)/\1/g'
}

case "${1:-}" in
  driver)
    shift
    # Not bin/spark-submit, whose Java process builds this command line, with another class path.
    read -ra options <<<"$(property spark.driver.extraJavaOptions)"
    export PYTHONHASHSEED=0
    exec "${java[@]}" "@$SPARK_HOME/driver.options" "${options[@]}" "-Xmx$(property spark.driver.memory)" \
      -cp "$classpath" org.apache.spark.deploy.SparkSubmit \
      --conf "spark.driver.bindAddress=$SPARK_DRIVER_BIND_ADDRESS" \
      --conf "spark.executorEnv.SPARK_DRIVER_POD_IP=$SPARK_DRIVER_BIND_ADDRESS" \
      --deploy-mode client "$@"
    ;;
  executor)
    exec "${java[@]}" "${options[@]}" \
      "-Xms$SPARK_EXECUTOR_MEMORY" "-Xmx$SPARK_EXECUTOR_MEMORY" -cp "$classpath" \
      org.apache.spark.scheduler.cluster.k8s.KubernetesExecutorBackend \
      --driver-url "$SPARK_DRIVER_URL" --executor-id "$SPARK_EXECUTOR_ID" --cores "$SPARK_EXECUTOR_CORES" \
      --app-id "$SPARK_APPLICATION_ID" --hostname "$SPARK_EXECUTOR_POD_IP" \
      --resourceProfileId "$SPARK_RESOURCE_PROFILE_ID" --podName "$SPARK_EXECUTOR_POD_NAME"
    ;;
  history)
    shift
    read -ra options <<<"${SPARK_HISTORY_OPTS:-}"
    exec "${java[@]}" "@$SPARK_HOME/driver.options" "${options[@]}" -cp "$classpath" \
      org.apache.spark.deploy.history.HistoryServer "$@"
    ;;
  *)
    exec "$@"
    ;;
esac
