#!/bin/bash

declare -a NUMBERS
declare -a NAMES

begin() {
  local who=$1
  local what=$2

  ax run "$who" "$what" &
  local number=$!

  NUMBERS+=($number)
  NAMES+=($who)

  echo "$who runs as $number"
}

begin "backend" "Write the service"
begin "frontend" "Write the pages"
begin "devops" "Write the manifests"

bad=()

for i in "${!NUMBERS[@]}"; do
  if wait "${NUMBERS[$i]}"; then
    echo "good: ${NAMES[$i]}"
  else
    echo "bad: ${NAMES[$i]}"
    bad+=("${NAMES[$i]}")
  fi
done

if [ ${#bad[@]} -eq 0 ]; then
  echo "Nothing went wrong."
  exit 0
else
  echo "Went wrong: ${bad[*]}"
  exit 1
fi
