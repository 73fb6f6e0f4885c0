# As long as each may take
ax run backend "Look over it" --timeout 20 &
ax run backend "Turn it inside out" --timeout 2400 &
wait
