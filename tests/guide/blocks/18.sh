# Good: nothing needs anything
ax run backend "Users" &
ax run backend "Orders" &
ax run backend "Bills" &
wait

# Not good: the second needs the first
ax run backend "Make the tables" &
ax run backend "Fill the tables" &  # which tables?
wait
