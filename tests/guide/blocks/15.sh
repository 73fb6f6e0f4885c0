#!/bin/bash

TRIES=3

insist() {
  local who=$1
  local what=$2
  local n=1

  while [ $n -le $TRIES ]; do
    echo "Try $n: $who"

    if ax run "$who" "$what"; then
      echo "$who did it"
      return 0
    else
      echo "$who failed at try $n"
      ((n++))
      sleep 5  # let it cool
    fi
  done

  echo "$who gave up after $TRIES tries"
  return 1
}

insist "backend" "Write the service" &
insist "frontend" "Write the pages" &
insist "devops" "Write the manifests" &

wait
