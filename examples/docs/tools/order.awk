# The order of the pages: the index, then those that it lists, each once.
# Usage: awk -f anchor.awk -f order.awk INDEX

NR == 1 { print FILENAME; seen[FILENAME] = 1 }

/^- \[/ && match($0, /\]\([^)]*\)/) {
	path = target(substr($0, RSTART + 2, RLENGTH - 3), FILENAME)
	if (path != "" && !(path in seen)) {
		seen[path] = 1
		print path
	}
}
