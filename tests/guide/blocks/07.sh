#!/bin/bash

echo "-- First: think"
ax run product "Describe the checkout"
ax run architecture "Decide how the checkout is cut"

echo "-- Second: build, three at once"
ax run backend "Write the checkout service" &
ax run frontend "Write the checkout page" &
ax run database "Write the checkout tables" &
wait

echo "-- Third: look, two at once"
ax run security "Look for holes" &
ax run quality "Try it as a whole" &
wait

echo "-- Fourth: out"
ax run devops "Put it on the test machines"

echo "That was all."
