#!/bin/bash

# One agent, announced and waved off
ask() {
  local who=$1
  local what=$2
  echo "Asking $who..."
  ax run "$who" "$what"
  echo "$who is through"
}

export -f ask

ask "backend" "Write the service" &
ask "frontend" "Write the pages" &
ask "devops" "Write the manifests" &
ask "quality" "Write the harness" &

wait

echo "All of them are through."
