# As many as there are processors
LIMIT=$(nproc)  # elsewhere: sysctl -n hw.ncpu

# and then as in block 8
