# Three that do not need one another, at once
ax run backend "Write the order service" &
ax run frontend "Draw the order form" &
ax run devops "Describe the containers" &

# until the last has answered
wait

echo "The three have answered."
