#!/bin/sh
# Spark 4.2 runs on Java 17 or 21. Says in one line what to install where there is none or another.
set -eu
java=${JAVA_HOME:+$JAVA_HOME/bin/}java
version=$("$java" -version 2>&1 | sed -n 's/.* version "\([0-9]*\).*/\1/p' | head -n 1) || version=
case $version in
17 | 21) ;;
"") echo "popflow needs Java 17 and finds none: apt-get install openjdk-17-jre-headless" >&2 && exit 1 ;;
*) echo "popflow needs Java 17 (or 21) and finds $version: apt-get install openjdk-17-jre-headless, and set JAVA_HOME to it" >&2 && exit 1 ;;
esac
