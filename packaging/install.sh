#!/bin/sh
# Installs expvault from the unpacked tarball: ./install.sh [--prefix DIR] (default /usr/local). With DESTDIR set, below
# that. The service's user and unit are installed where there is systemd; nothing is started.
set -eu

prefix=/usr/local
while [ "$#" -gt 0 ]; do
    case "$1" in
        --prefix) prefix="${2:?--prefix needs a directory}"; shift ;;
        --prefix=*) prefix="${1#--prefix=}" ;;
        *) echo "usage: $0 [--prefix DIR]" >&2; exit 64 ;;
    esac
    shift
done
here="$(cd "$(dirname "$0")" && pwd)"
root="${DESTDIR:-}"

install -d "$root$prefix/bin" "$root$prefix/share/doc/expvault" "$root$prefix/share/man/man1"
install -m 0755 "$here/expvault" "$root$prefix/bin/expvault"
install -m 0644 "$here"/man/*.1 "$root$prefix/share/man/man1/"
cp -R "$here/doc/." "$root$prefix/share/doc/expvault/"
for place in bash-completion/completions/expvault:expvault.bash zsh/site-functions/_expvault:_expvault \
    fish/vendor_completions.d/expvault.fish:expvault.fish; do
    install -d "$root$prefix/share/$(dirname "${place%%:*}")"
    install -m 0644 "$here/completions/${place##*:}" "$root$prefix/share/${place%%:*}"
done

install -d "$root/etc/expvault"
[ -e "$root/etc/expvault/expvault.yaml" ] || install -m 0640 "$here/expvault.yaml" "$root/etc/expvault/expvault.yaml"
if [ -d "$root/etc/systemd" ] || command -v systemctl >/dev/null 2>&1; then
    install -d "$root/etc/systemd/system" "$root/etc/sysusers.d"
    sed "s|/usr/bin/expvault|$prefix/bin/expvault|; s|/usr/share|$prefix/share|" "$here/expvault.service" \
        >"$root/etc/systemd/system/expvault.service"
    install -m 0644 "$here/expvault.sysusers" "$root/etc/sysusers.d/expvault.conf"
    echo "next: systemd-sysusers; systemctl daemon-reload; edit /etc/expvault/expvault.yaml; systemctl enable --now expvault" >&2
fi
echo "installed $prefix/bin/expvault" >&2
