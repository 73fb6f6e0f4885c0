#!/bin/bash

LIMIT=3

work=(
  "backend:Write the users"
  "backend:Write the orders"
  "backend:Write the bills"
  "frontend:Draw the users"
  "frontend:Draw the orders"
  "frontend:Draw the bills"
)

now=0

for item in "${work[@]}"; do
  IFS=':' read -r who what <<< "$item"

  # No more than LIMIT
  while [ $now -ge $LIMIT ]; do
    wait -n
    ((now--))
  done

  ax run "$who" "$what" &
  ((now++))
  echo "begun: $who - $what ($now now)"
done

wait
echo "The list is done."
