# One after another, so that the provider keeps up
ax run backend "Part one" &
sleep 3
ax run frontend "Part two" &
sleep 3
ax run devops "Part three" &
wait
