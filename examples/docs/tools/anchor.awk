# What all the tools here agree on: how a heading becomes an anchor, and where a link leads.

# "## What comes back" -> "what-comes-back"
function anchor(heading) {
	sub(/^#+ +/, "", heading)
	heading = tolower(heading)
	gsub(/[^a-z0-9 -]/, "", heading)
	gsub(/ /, "-", heading)
	return heading
}

# The path that `link` means on the page `from`; without its #anchor. Links to the web have none: "".
function target(link, from,    part, n, i, out) {
	if (link ~ /^[a-z]+:/)
		return ""
	sub(/#.*/, "", link)
	if (link == "")
		return from
	if (from ~ /\//) {
		sub(/[^\/]*$/, "", from)
		link = from link
	}
	n = split(link, part, "/")
	out = ""
	for (i = 1; i <= n; i++) {
		if (part[i] == "..")
			sub(/\/[^\/]*$/, "", out)
		else if (part[i] != ".")
			out = out "/" part[i]
	}
	return substr(out, 2)
}

function after_hash(link) {
	return link ~ /#/ ? substr(link, index(link, "#") + 1) : ""
}
