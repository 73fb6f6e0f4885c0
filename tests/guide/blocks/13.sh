for who in backend frontend devops; do
  ax run $who "Do your part" >/dev/null &
done
echo "three are under way"
ax monitor backend frontend devops --timeout 60
echo "monitor says $?"
wait
