# The table of contents, as a Markdown list of links.
# Usage: awk -f anchor.awk -f contents.awk PAGE...

FNR == 1 { fenced = 0 }
/^```/ { fenced = !fenced }

/^##? / && !fenced {
	indent = /^## / ? "  " : ""
	link = FILENAME (/^## / ? "#" anchor($0) : "")
	sub(/^#+ +/, "")
	print indent "- [" $0 "](" link ")"
}
