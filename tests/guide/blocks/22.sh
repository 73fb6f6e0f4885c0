# Without this one nothing goes on
ax run backend "What matters" || exit 1

ax run frontend "Finer buttons" || echo "no finer buttons (never mind)" &
ax run devops "More logs" || echo "no more logs (never mind)" &
wait

echo "The end, be it without buttons and logs."
