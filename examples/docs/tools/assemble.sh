#!/bin/sh
# One HTML page out of all. Usage: assemble.sh INTRODUCTION CONTENTS PAGE...
set -eu
introduction=$1 contents=$2
shift 2

cat <<'END'
<!DOCTYPE html>
<html lang="en">
<meta charset="utf-8">
<title>The handbook</title>
<style>body { max-width: 40em; margin: 2em auto; font-family: sans-serif } td, th { padding: .2em 1em; text-align: left } .sub { margin-left: 2em }</style>
END
echo '<header>'
awk -f tools/anchor.awk -f tools/html.awk <"$introduction"
echo '</header>'
echo '<nav>'
awk -f tools/anchor.awk -f tools/html.awk <"$contents"
echo '</nav>'
for page; do
	echo '<article>'
	awk -f tools/anchor.awk -f tools/html.awk "$page"
	echo '</article>'
done
echo '</html>'
