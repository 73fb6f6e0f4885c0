# Does every link within an HTML page lead somewhere? Usage: awk -f ids.awk PAGE.html

{
	rest = $0
	while (match(rest, /(id|href)="[^"]*"/)) {
		found = substr(rest, RSTART, RLENGTH)
		rest = substr(rest, RSTART + RLENGTH)
		if (found ~ /^id=/)
			id[substr(found, 5, length(found) - 5)] = 1
		else if (found ~ /^href="#/)
			wanted[substr(found, 8, length(found) - 8)] = 1
	}
}

END {
	for (name in wanted) {
		links++
		if (!(name in id)) {
			broken++
			print "nothing has id=\"" name "\""
		}
	}
	printf "%d places are linked to, %d are missing\n", links, broken
	exit broken > 0
}
