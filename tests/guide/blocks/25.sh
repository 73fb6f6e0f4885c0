# How much is there?
free -h  # Linux
vm_stat  # macOS

# Fewer agents where it is little
