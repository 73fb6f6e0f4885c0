# Markdown, as far as these pages use it, to HTML; links between pages become links within the one page.
# Usage: awk -f anchor.awk -f html.awk PAGE...

function escape(s) {
	gsub(/&/, "\\&amp;", s)
	gsub(/</, "\\&lt;", s)
	gsub(/>/, "\\&gt;", s)
	return s
}

# pages/growing.md -> growing
function stem(path) {
	sub(/.*\//, "", path)
	sub(/\.md$/, "", path)
	return path
}

function href(link,    path, at) {
	path = target(link, FILENAME)
	if (path == "")
		return link
	at = after_hash(link)
	return "#" stem(path) (at == "" ? "" : "--" at)
}

# Puts what `pattern` finds in s between tags, without the `n` characters at either end.
function wrap(s, pattern, n, tag,    out) {
	while (match(s, pattern)) {
		out = out substr(s, 1, RSTART - 1) "<" tag ">" substr(s, RSTART + n, RLENGTH - 2 * n) "</" tag ">"
		s = substr(s, RSTART + RLENGTH)
	}
	return out s
}

function link_text(s,    out, whole, cut) {
	while (match(s, /\[[^]]*\]\([^)]*\)/)) {
		whole = substr(s, RSTART, RLENGTH)
		cut = index(whole, "](")
		out = out substr(s, 1, RSTART - 1) "<a href=\"" href(substr(whole, cut + 2, length(whole) - cut - 2)) "\">" \
			substr(whole, 2, cut - 2) "</a>"
		s = substr(s, RSTART + RLENGTH)
	}
	return out s
}

# Every second part between backquotes is code, in which nothing else has a meaning.
function inline(s,    part, n, i, out) {
	n = split(escape(s), part, "`")
	for (i = 1; i <= n; i++) {
		if (i % 2 == 0)
			out = out "<code>" part[i] "</code>"
		else
			out = out wrap(wrap(link_text(part[i]), "\\*\\*[^*]+\\*\\*", 2, "strong"), "\\*[^*]+\\*", 1, "em")
	}
	return out
}

# Ends the paragraph, list or table at hand and begins another kind of block ("": none).
function block(kind) {
	if (text != "")
		print inline(text) (open == "p" ? "" : "</li>")
	text = ""
	if (open == kind)
		return
	if (open != "")
		print "</" open ">"
	if (kind != "")
		print "<" kind ">"
	open = kind
	rows = 0
}

function add(line) {
	text = text (text == "" ? "" : "\n") line
}

function item(kind, line) {
	block(kind)
	printf line ~ /^ / ? "<li class=\"sub\">" : "<li>"
	sub(/^ *(-|[0-9]+\.) +/, "", line)
	text = line
}

function row(line,    cell, n, i, tag) {
	block("table")
	if (line ~ /^[| :-]+$/)
		return
	tag = rows++ ? "td" : "th"
	gsub(/^\| *| *\|$/, "", line)
	n = split(line, cell, / *\| */)
	printf "<tr>"
	for (i = 1; i <= n; i++)
		printf "<%s>%s</%s>", tag, inline(cell[i]), tag
	print "</tr>"
}

function heading(line,    depth, id) {
	block("")
	match(line, /^#+/)
	depth = RLENGTH
	id = depth == 1 ? stem(FILENAME) : stem(FILENAME) "--" anchor(line)
	if (FILENAME !~ /\//)
		id = anchor(line) # standard input
	sub(/^#+ +/, "", line)
	printf "<h%d id=\"%s\">%s</h%d>\n", depth + 1, id, inline(line), depth + 1
}

FNR == 1 { block("") }

/^```/ {
	block("")
	fenced = !fenced
	print fenced ? "<pre>" : "</pre>"
	next
}

fenced { print escape($0); next }
/^#+ / { heading($0); next }
/^ *- / { item("ul", $0); next }
/^ *[0-9]+\. / { item("ol", $0); next }
/^\|/ { row($0); next }
/^ *$/ { block(""); next }

{
	if (open == "" || open == "table")
		block("p")
	add($0)
}

END { block("") }
