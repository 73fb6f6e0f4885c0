# May hand parts of the work on to others
ax run backend "Build the login" --parallel
