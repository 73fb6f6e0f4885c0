#!/bin/sh
# Usage: .ci/setup.sh [make|build|check|browser|http|executors|deb|package|slurm|libfuzzer|afl|valgrind]...   (build and check unless told)
# Installs what building and testing axmake need and this machine lacks. Quick and silent when that is nothing.
set -eu

missing=

have() {
	command -v "$1" >/dev/null 2>&1
}

want() {
	missing="$missing $*"
}

# library MODULE PACKAGE: pkg-config's name for it, and Debian's
library() {
	pkg-config --exists "$1" 2>/dev/null || want "$2"
}

# The C library's headers are a package of their own. Starting the compiler takes long, so it is asked only where they are not at their usual place.
compiler_works() {
	compiler=${CC:-cc} # may be several words, as in `ccache gcc`
	have "${compiler%% *}" && { [ -e /usr/include/stdio.h ] || echo '#include <stdio.h>' | "${CC:-cc}" -E - >/dev/null 2>&1; }
}

find_build() {
	have make || want make
	compiler_works || want gcc libc6-dev
	have pkg-config || want pkg-config
	pkg-config --exists yaml-0.1 inih libxxhash libutf8proc jansson libcurl libcrypto 2>/dev/null && return
	library yaml-0.1 libyaml-dev
	library inih libinih-dev
	library libxxhash libxxhash-dev
	library libutf8proc libutf8proc-dev
	library jansson libjansson-dev
	library libcurl libcurl4-openssl-dev
	library libcrypto libssl-dev
}

find_check() {
	library cmocka libcmocka-dev
	have python3 || want python3
	have ps || want procps
	have tmux || want tmux
	have mandoc || want mandoc
	have strace || want strace
	have spin || want spin
	have bwrap || want bubblewrap
	have valgrind || want valgrind
}

# Some 300 MB: only where it is asked for.
find_browser() {
	have chromium || have chromium-browser || have google-chrome || want chromium
	have chromedriver || want chromium-driver
}

find_deb() {
	have dh || want debhelper
	have dpkg-buildpackage || want dpkg-dev
	pkg-config --exists cmocka 2>/dev/null || want libcmocka-dev
}

find_package() {
	find_deb
	have lintian || want lintian
	have buildah || want buildah
	have debootstrap || want debootstrap
	have git || want git
	have direnv || want direnv
	have busybox || want busybox-static
	python3 -c 'import yaml' 2>/dev/null || want python3-yaml
}

# A server among them: only where it is asked for.
find_executors() {
	have ssh || want openssh-client
	have sshd || [ -x /usr/sbin/sshd ] || want openssh-server
	have podman || want podman
	have busybox || want busybox-static
}

find_http() {
	have nginx || [ -x /usr/sbin/nginx ] || want nginx
	have openssl || want openssl
}

# Daemons and a library of some 60 MB.
find_slurm() {
	PATH=$PATH:/usr/sbin
	have slurmctld && have slurmd && have srun || want slurm-wlm
	have munged || want munge
}

find_libfuzzer() {
	have clang || want clang
}

find_valgrind() {
	have valgrind || want valgrind
}

find_afl() {
	have afl-fuzz || want afl++
}

explain() {
	cat >&2 <<-END
		axmake: this machine lacks what these Debian packages hold:
		   $missing
		$1
		Install them (elsewhere the names end in -devel, or are those of the libraries themselves: libyaml, inih, xxhash, utf8proc,
		jansson, libcurl, OpenSSL, cmocka), then type the same command again.
	END
	exit 1
}

# Debian's own lists are often there but old, or not there at all: they are fetched when the first attempt fails.
install_missing() {
	log=$(mktemp)
	apt="$1 env DEBIAN_FRONTEND=noninteractive apt-get -qq -y -o DPkg::Lock::Timeout=300"
	echo "axmake: installing$missing" >&2
	# shellcheck disable=SC2086 # words on purpose
	if ! $apt install --no-install-recommends $missing >"$log" 2>&1 &&
		! { $apt update; $apt install --no-install-recommends $missing; } >>"$log" 2>&1; then
		cat "$log" >&2
		rm -f "$log"
		explain "apt-get could not install them, as said above."
	fi
	rm -f "$log"
}

[ $# -gt 0 ] || set -- build check
for what; do
	case $what in
	make) have make || want make ;;
	build) find_build ;;
	check) find_check ;;
	browser) find_browser ;;
	http) find_http ;;
	executors) find_executors ;;
	deb) find_deb ;;
	package) find_package ;;
	slurm) find_slurm ;;
	libfuzzer) find_libfuzzer ;;
	afl) find_afl ;;
	valgrind) find_valgrind ;;
	*)
		echo "setup.sh: '$what' is not make, build, check, browser, http, executors, deb, package, slurm, libfuzzer, afl or valgrind" >&2
		exit 2
		;;
	esac
done

[ -n "$missing" ] || exit 0
have apt-get || explain "There is no apt-get here to install them with."
if [ "$(id -u)" = 0 ]; then
	install_missing ""
elif have sudo; then
	install_missing sudo
else
	explain "Installing them needs root, and there is no sudo here: run 'apt-get install$missing' as root."
fi
