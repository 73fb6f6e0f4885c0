# What waits for a network needs no processor
LIMIT=10

# Ask that many at once
