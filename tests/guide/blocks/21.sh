ax run backend "Part one" &
one=$!

ax run frontend "Part two" &
two=$!

# Look now and then
while kill -0 $one 2>/dev/null || kill -0 $two 2>/dev/null; do
  echo "Not yet..."
  sleep 7
done

echo "Both parts are there."
