#!/bin/sh
# Usage: debian/build.sh VERSION FOLDER
# Builds Debian's package of this tree, as it stands, in FOLDER: a copy is built, so that nothing is left here. No network is asked.
set -eu
version=$1 folder=$2
tree=$folder/axmake-$version
unset MAKEFLAGS MFLAGS MAKELEVEL MAKEOVERRIDES B OUT STATIC HARDEN SUITES CFLAGS LDFLAGS # of the make that calls: the package has its own

rm -rf "$folder"
mkdir -p "$tree"
if [ -e .git ]; then
	git ls-files -z --cached --others --exclude-standard
	date=$(git log -1 --format=%cD)
else
	find . -name build -prune -o -name .axmake -prune -o -type f ! -name '*.o' -print0
	date=
fi >"$folder/files"
tar -cf - --null -T "$folder/files" | tar -xof - -C "$tree"
rm "$folder/files"
[ -z "${SOURCE_DATE_EPOCH:-}" ] || date=@$SOURCE_DATE_EPOCH

cat >"$tree/debian/changelog" <<-END
	axmake ($version) unstable; urgency=medium

	  * Built from the source of version $version; CHANGELOG.md tells what is new.

	 -- axmake contributors <axmake@packages.debian.org>  $(date -u -R -d "${date:-now}")
END
cd "$tree"
exec dpkg-buildpackage -us -uc
