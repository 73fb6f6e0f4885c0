# Both write one file: one of them loses
ax run backend "Write the settings > settings.txt" &
ax run frontend "Write the settings > settings.txt" &  # at the same time!

# A file of one's own
ax run backend "Write the settings > server-settings.txt" &
ax run frontend "Write the settings > page-settings.txt" &
