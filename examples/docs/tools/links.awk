# Does every relative link lead to a page that is there, and to a heading on it? A link stands on one line.
# Usage: awk -f anchor.awk -f links.awk pass=1 PAGE... pass=2 PAGE...

FNR == 1 { fenced = 0 }
/^```/ { fenced = !fenced; next }
fenced { next }

pass == 1 {
	page[FILENAME] = 1
	if (/^#+ /)
		heading[FILENAME "#" anchor($0)] = 1
	next
}

{
	rest = $0
	while (match(rest, /\]\([^)]*\)/)) {
		check(substr(rest, RSTART + 2, RLENGTH - 3))
		rest = substr(rest, RSTART + RLENGTH)
	}
}

function check(link,    path, at) {
	path = target(link, FILENAME)
	if (path == "")
		return
	links++
	at = after_hash(link)
	if (!(path in page))
		complain(link, "there is no page " path)
	else if (at != "" && !((path "#" at) in heading))
		complain(link, path " has no heading for #" at)
}

function complain(link, why) {
	broken++
	printf "%s:%d: %s: %s\n", FILENAME, FNR, link, why
}

END {
	printf "%d links, %d broken\n", links, broken
	exit broken > 0
}
